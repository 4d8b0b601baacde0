/* Rank 0 sends n doubles to rank 2, rank 1 sends n / 2 to rank 3, at the same time. */
#include "common.h"

int main(int argc, char **argv) {
  Rank me = enter(argc, argv);
  double *x = vector(me.n);
  for (long i = 0; i < me.rounds; i++) {
    if (me.r == 0) give(&me, x, me.n, 2);
    if (me.r == 1) give(&me, x, me.n / 2, 3);
    if (me.r == 2) take(x, me.n, 0);
    if (me.r == 3) take(x, me.n / 2, 1);
  }
  return leave(&me);
}
