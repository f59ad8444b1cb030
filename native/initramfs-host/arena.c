// Memory for a program that ends within milliseconds: taken in order from a few chunks; what is given back serves the
// next block of that size. A new page costs more than all the allocations in it, and a fault for each costs as much again:
// so blocks lie close, and chunks come populated.
// A cap, so that no input can eat a machine.
#include <string.h>
#include <sys/mman.h>

#include "host.h"

enum { ALIGNMENT = 8, HEADER = 8, CHUNK = 64 << 10, LARGEST_KEPT = 1024 };
static const size_t CAP = 64 << 20;

// What was given back, by its size: each block begins with the next one.
static void *kept[LARGEST_KEPT / ALIGNMENT + 1];
static char *next, *end;
static size_t mapped;

static size_t *size_of(void *block) { return (size_t *)((char *)block - HEADER); }
static size_t rounded(size_t size) { return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1); }

static bool map_chunk(size_t size) {
  size_t wanted = size > CHUNK ? rounded(size) + CHUNK : CHUNK;
  if (wanted > CAP - mapped) return false;
  char *chunk = mmap(NULL, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (chunk == MAP_FAILED) return false;
  mapped += wanted;
  // What is left of the one before is lost.
  next = chunk;
  end = chunk + wanted;
  return true;
}

static void *arena_malloc(JSMallocState *state, size_t size) {
  (void)state;
  if (size == 0 || size > CAP) return NULL;
  size = rounded(size);
  if (size <= LARGEST_KEPT && kept[size / ALIGNMENT]) {
    void *block = kept[size / ALIGNMENT];
    memcpy(&kept[size / ALIGNMENT], block, sizeof block);
    return block;
  }
  size_t whole = size + HEADER;
  if ((size_t)(end - next) < whole && !map_chunk(whole)) return NULL;
  char *block = next + HEADER;
  next += whole;
  *size_of(block) = size;
  return block;
}

static bool is_last(void *block) { return (char *)block + *size_of(block) == next; }

static void arena_free(JSMallocState *state, void *block) {
  (void)state;
  if (!block) return;
  size_t size = *size_of(block);
  if (is_last(block)) next = (char *)block - HEADER;
  else if (size <= LARGEST_KEPT) {
    memcpy(block, &kept[size / ALIGNMENT], sizeof block);
    kept[size / ALIGNMENT] = block;
  }
}

static void *arena_realloc(JSMallocState *state, void *block, size_t size) {
  if (!block) return arena_malloc(state, size);
  if (size == 0) {
    arena_free(state, block);
    return NULL;
  }
  size_t old = *size_of(block);
  if (size <= old) return block;
  if (size <= CAP && is_last(block) && (size_t)(end - next) >= rounded(size) - old) {
    next += rounded(size) - old;
    *size_of(block) = rounded(size);
    return block;
  }
  void *moved = arena_malloc(state, size);
  if (!moved) return NULL;
  memcpy(moved, block, old);
  arena_free(state, block);
  return moved;
}

static size_t arena_usable(const void *block) { return block ? *size_of((void *)block) : 0; }

const JSMallocFunctions arena_functions = {arena_malloc, arena_free, arena_realloc, arena_usable};
