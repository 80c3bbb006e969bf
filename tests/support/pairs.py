"""The pairs of the people that tests/conftest.py draws, in LFW's form."""
PAIRS = """3\t2
Ann_Ah\t1\t2
Ann_Ah\t3\t4
Ann_Ah\t1\tBob_Be\t1
Ann_Ah\t2\tBob_Be\t2
Bob_Be\t1\t2
Bob_Be\t3\t4
Bob_Be\t3\tCy_Ce\t1
Bob_Be\t4\tDee_De\t2
Cy_Ce\t1\t2
Dee_De\t3\t4
Cy_Ce\t3\tDee_De\t1
Cy_Ce\t4\tAnn_Ah\t2
"""
