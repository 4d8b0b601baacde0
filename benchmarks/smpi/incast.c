/* All ranks send to rank 0 at once: rank r sends p - 1 + r of 2 (p - 1) parts of n doubles. */
#include "common.h"

int main(int argc, char **argv) {
  Rank me = enter(argc, argv);
  int others = me.p - 1;
  double *x = vector(me.r ? me.n : others * me.n);
  MPI_Request *requests = malloc(others * sizeof(MPI_Request));
  for (long i = 0; i < me.rounds; i++) {
    if (me.r) {
      give(&me, x, (others + me.r) * me.n / (2 * others), 0);
      continue;
    }
    for (int q = 1; q < me.p; q++)
      MPI_Irecv(x + (q - 1) * me.n, me.n, MPI_DOUBLE, q, 0, MPI_COMM_WORLD, &requests[q - 1]);
    MPI_Waitall(others, requests, MPI_STATUSES_IGNORE);
  }
  return leave(&me);
}
