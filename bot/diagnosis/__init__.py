"""The diagnosis: which causes hold for a namespace of the mesh, each with its evidence.

A cause is a value (`bot.diagnosis.cause.Cause`) with an id that never changes. The causes of one
subject stand together in a module; `bot.diagnosis.cause_list` lists them all. They read one state
of the cluster that was read once (`bot.diagnosis.reading`) and ask nothing themselves.
`bot.diagnosis.diagnose` finds those that hold and leaves out what another one explains.

A new cause is one `Cause` in the module of its subject, and one test.
"""
