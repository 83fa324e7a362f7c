#include "Jailer.h"
int martlet_jailer_main(int argc, char **argv) { return 0; }
