"""All formats by name. A module of formats has a list of them, FORMATS; a new one is added here."""
from fuzz import curves, datasets, downloads, labelled, nets, page, scores, sweeps, uploads, videos

MODULES = scores, nets, datasets, curves, labelled, downloads, page, videos, uploads, sweeps
FORMATS = {form.name: form for module in MODULES for form in module.FORMATS}
