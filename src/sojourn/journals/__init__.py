"""Where histories are kept so that they outlive the process: in memory for tests, in a file.

`sojourn.journals.memory` and `sojourn.journals.sqlite`; both keep the `sojourn.history.Journal`
protocol, and a journal of your own that keeps it too serves jobs just as well.
"""
