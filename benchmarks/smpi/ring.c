/* dlpar.collectives.ring_allreduce: reduce-scatter and allgather round a ring, in chunks. */
/* The second half only sends chunks of the right sizes: their contents take no virtual time. */
#include "common.h"

int main(int argc, char **argv) {
  Rank me = enter(argc, argv);
  int p = me.p, r = me.r, left = (r + p - 1) % p, right = (r + 1) % p, longest = chunk(&me, 0);
  double *partial = vector(longest), *inbox = vector(longest);
  for (long i = 0; i < me.rounds; i++)
    for (int s = 0; s < 2 * (p - 1); s++) {
      int give = (r - 1 - s + 2 * p) % p, take = (r - 2 - s + 2 * p) % p;
      swap(&me, partial, chunk(&me, give), right, inbox, chunk(&me, take), left);
      if (s < p - 1)
        for (int j = 0; j < chunk(&me, take); j++) partial[j] += inbox[j];
    }
  return leave(&me);
}
