"""Work queues, informers and readers of objects, as client-go and apimachinery offer them."""
