"""Linear probe: multinomial logistic regression on the means over time of the rows of a tensor."""
