"""The rows of the paper's tables: this project's variants, and what the paper compares with."""
import numpy as np

NAMES = {  # of the variants' folders in models/
    "smooth_l1": "smooth l1", "l1_center_l1": "l1 + l1 center loss",
    "smooth_l1_center_l1": "smooth l1 + l1 center loss", "smooth_l1_center_l2": "smooth l1 + l2 center loss",
    "l1_center_l1_sampling": "l1 + l1 center loss + sampling",
    "smooth_l1_center_l1_sampling": "smooth l1 + l1 center loss + sampling", "mse": "mse"}

PAPER = {  # its rows, MAE, MSE, PCC, wMAE, wMSE
    "smooth l1": (.416, 1.060, .524, 1.596, 4.396),
    "l1 + l1 center loss": (.389, .820, .603, 1.388, 3.438),
    "smooth l1 + l1 center loss": (.456, .804, .651, 1.289, 2.880),
    "smooth l1 + l2 center loss": (.435, .816, .625, 1.324, 3.075),
    "l1 + l1 center loss + sampling": (None, None, None, 1.039, 1.999),
    "smooth l1 + l1 center loss + sampling": (None, None, None, .991, 1.720),
    "OSVR-l1": (1.025, None, .600, 1.309, 2.758),
    "OSVR-l2": (.810, None, .601, 1.299, 2.719),
    "RCR": (None, 1.54, .65, None, None),
    "all zeros": (.438, 1.353, None, 2.143, 7.387),
}
PAPER_METRICS = "mae", "mse", "pcc", "wmae", "wmse"


def quoted(name):
    """The paper's figures of the row `name`, {metric: float, NaN where it gives none}; {} for a row it has not."""
    return dict(zip(PAPER_METRICS, np.array(PAPER[name], float))) if name in PAPER else {}
