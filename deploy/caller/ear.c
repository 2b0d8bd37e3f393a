#include "deploy/caller/caller_priv.h"

#include <math.h>

/* Goertzel's recurrence: the energy of one frequency in n samples without a whole transform. */
double caller_tone_level(const int16_t *samples, uint32_t n, double hz)
{
	double w = 2.0 * M_PI * hz / RATE, coeff = 2.0 * cos(w);
	double s1 = 0, s2 = 0, energy = 0;
	for (uint32_t i = 0; i < n; i++) {
		double x = samples[i], s0 = x + coeff * s1 - s2;
		s2 = s1;
		s1 = s0;
		energy += x * x;
	}
	/* G.711 idles at a few units; below this there is nothing to hear. */
	const double quiet_rms = 50;
	if (n == 0 || energy < quiet_rms * quiet_rms * n)
		return 0;
	double power = s1 * s1 + s2 * s2 - coeff * s1 * s2;
	double level = 2.0 * power / (n * energy);
	return level > 1 ? 1 : level;
}
