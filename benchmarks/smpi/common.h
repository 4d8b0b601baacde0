/* What the programs share: a rank that counts what it sends, and the line that each prints. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct {
  int p, r;             /* ranks, and this one's number */
  long n;               /* doubles of the vector: the first argument */
  long rounds;          /* how often to do it: the second */
  int less;             /* bytes that each message is shorter than it says: the third */
  long messages, bytes; /* sent */
  clock_t began;
} Rank;

static Rank enter(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  Rank me = {.n = atol(argv[1]), .rounds = atol(argv[2]), .less = atoi(argv[3])};
  me.began = clock();
  MPI_Comm_size(MPI_COMM_WORLD, &me.p);
  MPI_Comm_rank(MPI_COMM_WORLD, &me.r);
  return me;
}

/* Print virtual s, messages, bytes, and the processor time (s) of the process at both ends. */
static int leave(Rank *me) {
  double now = MPI_Wtime(), began = me->began, ended = clock();
  printf("rank %.17g %ld %ld %.6f %.6f\n", now, me->messages, me->bytes, began / CLOCKS_PER_SEC,
         ended / CLOCKS_PER_SEC);
  MPI_Finalize();
  return 0;
}

/* Doubles in chunk c of n over p: as in numpy.array_split, the first n mod p have one more. */
static int chunk(const Rank *me, int c) { return me->n / me->p + (c < me->n % me->p); }

static double *vector(long n) { return calloc(n + 1, sizeof(double)); }

/* Count a message of n doubles; return how many bytes to send for it. */
static int count(Rank *me, int n) {
  int bytes = n * sizeof(double);
  me->messages += 1;
  me->bytes += bytes;
  return bytes > me->less ? bytes - me->less : 0;
}

static void give(Rank *me, double *x, int n, int dest) {
  MPI_Send(x, count(me, n), MPI_BYTE, dest, 0, MPI_COMM_WORLD);
}

static void take(double *x, int n, int source) {
  MPI_Recv(x, n, MPI_DOUBLE, source, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

static void swap(Rank *me, double *x, int n, int dest, double *y, int m, int source) {
  MPI_Sendrecv(x, count(me, n), MPI_BYTE, dest, 0, y, m, MPI_DOUBLE, source, 0, MPI_COMM_WORLD,
               MPI_STATUS_IGNORE);
}
