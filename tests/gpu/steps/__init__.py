"""The steps of `tests/gpu/run.sh`: each is a file with `run(setting)`, which notes figures and raises what is wrong."""
