"""Looking back: what hooks wrote to a run, and running a stretch of it again while other callbacks look on.

moment.py      when a hook was fired, so that it can be found again
entry.py       what a run's journal says, line by line
journal.py     the file of these lines
recorder.py    writes them while a run goes on
past.py        what they tell of a run that has been
stretch.py     which steps of it are meant, as a person writes it
looking.py     lets callbacks look on at a stretch that is run again
replayed.py    what came out of it
pieces.py      a stretch cut at commits, for several processes
process.py     these processes, and the pipes that they tell through; parcel.py what goes through these
shared_arrays.py   large arrays that all of them read, in a file without a name
telling.py     what hooks were given there; relay.py fires them here
bisection.py   the search for the first step after which something holds
when.py        what is to hold, as an expression on what was logged or as a function
difference.py  which parameters moved most between two states; difference_picture.py draws it
"""
