"""What several checks share: who the agents are, what is whose, and how one kind of claim is judged.

A check states a claim and picks the question; the walk over the facts that answers it stands here.
"""
