// malloc(3), for programs that run longer.
#include <malloc.h>
#include <stdlib.h>

#include "host.h"

static void *heap_malloc(JSMallocState *state, size_t size) {
  (void)state;
  return size ? malloc(size) : NULL;
}

static void heap_free(JSMallocState *state, void *block) {
  (void)state;
  free(block);
}

static void *heap_realloc(JSMallocState *state, void *block, size_t size) {
  (void)state;
  if (size) return realloc(block, size);
  free(block);
  return NULL;
}

static size_t heap_usable(const void *block) { return malloc_usable_size((void *)block); }

const JSMallocFunctions heap_functions = {heap_malloc, heap_free, heap_realloc, heap_usable};
