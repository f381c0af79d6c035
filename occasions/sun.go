package occasions

import (
	"math"
	"time"
)

// julianDay2000 is the epoch J2000.0, 2000-01-01 12:00 TT.
const julianDay2000 = 2451545.0

// sunAt is the Sun's apparent geocentric longitude in radians, 0 at the spring
// equinox, at a Julian day in terrestrial time. Jean Meeus, Astronomical
// Algorithms, 2nd edition, chapters 22 (nutation) and 25 (higher accuracy).
func sunAt(jde float64) float64 {
	tau := (jde - julianDay2000) / 365250
	longitude, power := 0.0, 1.0
	for _, terms := range sunLongitude {
		sum := 0.0
		for _, t := range terms {
			sum += t[0] * math.Cos(t[1]+t[2]*tau)
		}
		longitude += sum * power * 1e-8
		power *= tau
	}
	const arcSecond = math.Pi / 180 / 3600
	longitude += math.Pi - 0.09033*arcSecond // seen from the Earth, in the FK5 frame
	return longitude + nutation(jde) - 20.4898*arcSecond/distance(jde)
}

// nutation is the nutation in longitude, its terms of more than 0.05″.
func nutation(jde float64) float64 {
	t := (jde - julianDay2000) / 36525
	const degree = math.Pi / 180
	node := (125.04452 - 1934.136261*t) * degree
	sun := (280.4665 + 36000.7698*t) * degree
	moon := (218.3165 + 481267.8813*t) * degree
	sunAnomaly := (357.52772 + 35999.050340*t) * degree
	moonAnomaly := (134.96298 + 477198.867398*t) * degree
	seconds := (-17.1996-0.01742*t)*math.Sin(node) - 1.3187*math.Sin(2*sun) - 0.2274*math.Sin(2*moon) +
		0.2062*math.Sin(2*node) + 0.1426*math.Sin(sunAnomaly) + 0.0712*math.Sin(moonAnomaly) -
		0.0517*math.Sin(2*sun+sunAnomaly)
	return seconds / 3600 * degree
}

// distance is the Earth's distance from the Sun in astronomical units.
func distance(jde float64) float64 {
	t := (jde - julianDay2000) / 36525
	anomaly := (357.52911 + 35999.05029*t) * math.Pi / 180
	return 1.000140 - 0.016708*math.Cos(anomaly) - 0.000139*math.Cos(2*anomaly)
}

// clockDrift is TT − UT in seconds by the polynomials of Espenak and Meeus (NASA
// Five Millennium Canon, 2006); years after 2005 are their prediction.
func clockDrift(year float64) float64 {
	switch t := year - 1900; {
	case year < 1920:
		return poly(t, -2.79, 1.494119, -0.0598939, 0.0061966, -0.000197)
	case year < 1941:
		return poly(year-1920, 21.20, 0.84493, -0.076100, 0.0020936)
	case year < 1961:
		t := year - 1950
		return poly(t, 29.07, 0.407, -1.0/233, 1.0/2547)
	case year < 1986:
		t := year - 1975
		return poly(t, 45.45, 1.067, -1.0/260, -1.0/718)
	case year < 2005:
		return poly(year-2000, 63.86, 0.3345, -0.060374, 0.0017275, 0.000651814, 0.00002373599)
	case year < 2050:
		return poly(year-2000, 62.92, 0.32217, 0.005589)
	}
	u := (year - 1820) / 100
	return -20 + 32*u*u - 0.5628*(2150-year)
}

func poly(x float64, coefficients ...float64) float64 {
	sum := 0.0
	for i := len(coefficients) - 1; i >= 0; i-- {
		sum = sum*x + coefficients[i]
	}
	return sum
}

// sunReaches is when the Sun's longitude comes to an angle (in degrees) after an
// estimate that is some days off at most.
func sunReaches(degrees float64, near time.Time) time.Time {
	year := float64(near.Year()) + float64(near.YearDay())/365.25
	drift := clockDrift(year)
	jde := float64(near.Unix())/86400 + 2440587.5 + drift/86400
	for range 20 {
		off := math.Remainder(degrees*math.Pi/180-sunAt(jde), 2*math.Pi)
		jde += off * 365.2422 / (2 * math.Pi)
		if math.Abs(off) < 1e-10 {
			break
		}
	}
	seconds := (jde-2440587.5)*86400 - drift
	return time.Unix(0, int64(seconds*1e9)).UTC()
}
