"""The embedded cluster's controllers and scheduler: the part of `kube-controller-manager` and
`kube-scheduler`."""
