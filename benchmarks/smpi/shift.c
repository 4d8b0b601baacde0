/* Each rank sends n doubles `distance` ranks up and hears from as far below: the fourth argument. */
#include "common.h"

int main(int argc, char **argv) {
  Rank me = enter(argc, argv);
  int p = me.p, d = atoi(argv[4]), up = (me.r + d) % p, down = (me.r - d + p) % p;
  double *out = vector(me.n), *in = vector(me.n);
  for (long i = 0; i < me.rounds; i++) swap(&me, out, me.n, up, in, me.n, down);
  return leave(&me);
}
