"""Student's t: probabilities, quantiles of any level, and how large a difference must be to be found.

scipy's functions, for any real degrees of freedom. `intervals.t_quantile` stays beside them: the digits of recorded intervals
are its own.
"""


def probability(t: float, degrees: float) -> float:
    """P(T <= t)."""
    from scipy.special import stdtr

    return float(stdtr(degrees, t))


def quantile(share: float, degrees: float) -> float:
    """The t below which T is with this probability."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, share))


def found_from(degrees: float, level: float, power: float) -> float:
    """How large a true difference must be, in standard errors, for a two-sided test of this level to find it, on the right side,
    with this probability: by the noncentral t distribution."""
    from scipy.special import nctdtrinc

    return float(nctdtrinc(degrees, 1 - power, quantile(1 - level / 2, degrees)))
