/* dlpar.collectives.pairwise_alltoall: in step s, rank r sends to r + s and hears from r - s. */
#include "common.h"

int main(int argc, char **argv) {
  Rank me = enter(argc, argv);
  int p = me.p, r = me.r, longest = chunk(&me, 0);
  double *out = vector(longest), *in = vector(longest);
  for (long i = 0; i < me.rounds; i++)
    for (int s = 1; s < p; s++) {
      int to = (r + s) % p, from = (r - s + p) % p;
      swap(&me, out, chunk(&me, to), to, in, chunk(&me, r), from);
    }
  return leave(&me);
}
