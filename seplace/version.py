"""The version of seplace, which results and exports carry."""

__version__ = "0.17.0"
