"""Looking back: what hooks wrote to a run, and running a stretch of it again while other callbacks look on.

moment.py      when a hook was fired, so that it can be found again
entry.py       what a run's journal says, line by line
journal.py     the file of these lines
recorder.py    writes them while a run goes on
looking.py     lets callbacks look on at a stretch of a run that is run again
"""
