/* Loaded before the C library's allocator: memory is overwritten before it is given back (CONTRACTS §8).
 *
 * CPython does not erase the strings it frees, and an allocator's own overwriting of freed memory leaves out what a
 * growing buffer moved away from and the tail that a shrinking one gave up. The allocator itself stays glibc's.
 */
#include <malloc.h>
#include <stddef.h>
#include <string.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void __libc_free(void *block);

void free(void *block)
{
    if (block != NULL)
        explicit_bzero(block, malloc_usable_size(block));
    __libc_free(block);
}

void *realloc(void *block, size_t size)
{
    if (block == NULL)
        return __libc_malloc(size);

    size_t had = malloc_usable_size(block);
    if (size <= had) {
        /* It stays in its place, so the tail is all that is given back. */
        explicit_bzero((char *)block + size, had - size);
        return __libc_realloc(block, size);
    }
    void *moved = __libc_malloc(size);
    if (moved != NULL) {
        memcpy(moved, block, had);
        free(block);
    }
    return moved;
}
