// malloc(3), for programs that run longer. What is in use is counted: the engine looks for cycles of garbage, all that
// its reference counts leave, whenever it is half as much again as after the last time.
#include <malloc.h>
#include <stdlib.h>

#include "host.h"

static size_t heap_usable(const void *block) { return malloc_usable_size((void *)block); }

static void *counted(JSMallocState *state, void *block) {
  if (!block) return NULL;
  state->malloc_count++;
  state->malloc_size += heap_usable(block);
  return block;
}

static void *heap_malloc(JSMallocState *state, size_t size) { return size ? counted(state, malloc(size)) : NULL; }

static void heap_free(JSMallocState *state, void *block) {
  if (!block) return;
  state->malloc_count--;
  state->malloc_size -= heap_usable(block);
  free(block);
}

static void *heap_realloc(JSMallocState *state, void *block, size_t size) {
  if (!block) return heap_malloc(state, size);
  if (size == 0) {
    heap_free(state, block);
    return NULL;
  }
  size_t before = heap_usable(block);
  void *moved = realloc(block, size);
  if (moved) state->malloc_size += heap_usable(moved) - before;
  return moved;
}

const JSMallocFunctions heap_functions = {heap_malloc, heap_free, heap_realloc, heap_usable};
