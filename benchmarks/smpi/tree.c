/* dlpar.collectives.tree_allreduce: up a binomial tree to rank 0, and down again. */
#include "common.h"

static void reduce(Rank *me, double *total, double *inbox) {
  for (int bit = 1; bit < me->p; bit *= 2) {
    if (me->r & bit) {
      give(me, total, me->n, me->r - bit);
      return;
    }
    if (me->r + bit < me->p) {
      take(inbox, me->n, me->r + bit);
      for (long j = 0; j < me->n; j++) total[j] += inbox[j];
    }
  }
}

static void broadcast(Rank *me, double *whole) {
  int bit = 1;
  while (bit < me->p && !(me->r & bit)) bit *= 2;
  if (me->r) take(whole, me->n, me->r - bit);
  while (bit > 1) {
    bit /= 2;
    if (me->r + bit < me->p) give(me, whole, me->n, me->r + bit);
  }
}

int main(int argc, char **argv) {
  Rank me = enter(argc, argv);
  double *total = vector(me.n), *inbox = vector(me.n);
  for (long i = 0; i < me.rounds; i++) {
    reduce(&me, total, inbox);
    broadcast(&me, total);
  }
  return leave(&me);
}
