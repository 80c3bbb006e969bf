"""All formats by name. A module of formats has a list of them, FORMATS; a new one is added here."""
from fuzz import datasets, downloads, nets, page, scores

FORMATS = {form.name: form for module in (scores, nets, datasets, downloads, page) for form in module.FORMATS}
