"""A made-up health survey with the columns of survey.toml: the constants of that plan were chosen on it.

Nobody's data are in here. Ages are spread evenly, measurements follow from age and build by rules of
thumb, and the label is a coin whose log-odds rise with age, waist, blood pressure and poor health.
Use it as a source: `source = "synthetic_survey:survey"` with this folder on the path.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import ndtri

from tip import Entropy

HEALTH = ("Excellent", "Very good", "Good", "Fair or", "Poor?")


def survey(people: int = 5018, seed: int = 1) -> dict[str, Any]:
    """Columns by name, one entry for each of `people`; the same for the same seed."""
    words = Entropy.seeded(seed).stream("synthetic survey").words(np.arange(people), 12)
    uniform = (words >> np.uint64(11)) * 2.0**-53 + 2.0**-54
    normal = ndtri(uniform)
    age = 20 + 60 * uniform[:, 0]
    woman = uniform[:, 1] < 0.5
    build = normal[:, 2]
    bmi = 28 + 6 * build + 0.02 * (age - 50)
    waist = 98 + 13 * build + 5 * normal[:, 3] + 0.2 * (age - 50) - 5 * woman
    systolic = 122 + 12 * normal[:, 4] + 0.4 * (age - 50) + 2 * build
    diastolic = 72 + 9 * normal[:, 5] + 0.3 * (systolic - 122)
    pulse = 72 + 11 * normal[:, 6]
    income = 5 * uniform[:, 7]
    health = 1.4 + 0.5 * build + 0.01 * (age - 50) - 0.2 * (income - 2.5) + normal[:, 8]
    smoked = uniform[:, 9] < 0.4
    heart = uniform[:, 10] < 1 / (1 + np.exp(3.5 - 0.06 * (age - 50)))
    odds = (
        -2.6 + 0.045 * (age - 50) + 0.035 * (waist - 98) + 0.35 * (health - 1.4) + 0.5 * heart + 0.01 * (systolic - 122)
    )
    sick = uniform[:, 11] < 1 / (1 + np.exp(-odds))
    return {
        "Glycohemoglobin": np.where(sick, 7.5, 5.5),
        "AgeInYearsAtScreening": age,
        "BodyMassIndexKgm2": bmi,
        "WaistCircumferenceCm": waist,
        "SystolicBloodPres2NdRdgMmHg": systolic,
        "DiastolicBloodPres2NdRdgMmHg": diastolic,
        "60SecPulse30SecPulse2": pulse,
        "MinutesSedentaryActivity": 330 + 180 * normal[:, 8],
        "VigorousRecreationalActivities": (normal[:, 6] < -0.6).astype(float),
        "SmokedAtLeast100CigarettesInLife": smoked.astype(float),
        "EverToldYouHadHeartAttack": heart.astype(float),
        "RatioOfFamilyIncomeToPoverty": income,
        "Gender": np.where(woman, "Female", "Male"),
        "GeneralHealthCondition": np.array(HEALTH)[np.clip(np.rint(health), 0, 4).astype(int)],
    }
