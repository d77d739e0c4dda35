"""Files of a model: written whole or not at all, and read without trust.

files.py          how any file gets to the disk and back
template.py       file names with {epoch} and {val_loss:.2f} in them
strict_json.py    the only way in which JSON is read
weights_file.py   `.weights.h5`, in Keras's own layout
archive.py        `.keras`: configuration, weights and optimizer in one file
leaf.py           one array of a state as files hold it: its dtype, its bytes, its digest
state_file.py     a whole state in one file, with digests
store.py          the commits of a run, in one file each or with their arrays beside it
orbax_store.py    arrays that Orbax writes, with digests: pieces.py of parts of arrays, folders.py of files
orbax_steps.py    a folder of steps, as Keras's OrbaxCheckpoint has them

Nothing that is read from a file is imported, opened or evaluated.
"""
