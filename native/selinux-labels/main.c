// selinux-labels FILE_CONTEXTS: what a policy says of paths. Reads `MODE PATH` (mode octal, with the file's kind), each
// ended by a NUL byte; writes the label of each, ended by a NUL byte, empty where the policy has none for it.
#include <errno.h>
#include <selinux/label.h>
#include <selinux/selinux.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    return 1;
}

// The library's complaints, which name file and line.
static int tell(int type, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (type == SELINUX_ERROR || type == SELINUX_WARNING) vfprintf(stderr, format, arguments);
    va_end(arguments);
    return 0;
}

// Asks for all patterns to be compiled when they are read. Whether a label is valid only a kernel with the policy knows.
static int accept(char **label) {
    (void)label;
    return 0;
}

static int answer(struct selabel_handle *policy, char *question) {
    char *path, *label = NULL;
    long mode = strtol(question, &path, 8);
    if (*path++ != ' ' || *path != '/') return fail(question, "is no MODE and PATH");
    if (selabel_lookup_raw(policy, &label, path, (int)mode) && errno != ENOENT) return fail(path, strerror(errno));
    if (label) fputs(label, stdout);
    putchar(0);
    freecon(label);
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 2) return fail("usage", "selinux-labels FILE_CONTEXTS");
    selinux_set_callback(SELINUX_CB_LOG, (union selinux_callback){.func_log = tell});
    selinux_set_callback(SELINUX_CB_VALIDATE, (union selinux_callback){.func_validate = accept});
    struct selinux_opt options[] = {{SELABEL_OPT_PATH, argv[1]}, {SELABEL_OPT_VALIDATE, (char *)1}};
    struct selabel_handle *policy = selabel_open(SELABEL_CTX_FILE, options, 2);
    if (!policy) return fail(argv[1], strerror(errno));
    char *question = NULL;
    size_t size = 0;
    while (getdelim(&question, &size, 0, stdin) > 0)
        if (answer(policy, question)) return 1;
    free(question);
    selabel_close(policy);
    return fflush(stdout) == 0 && !ferror(stdin) ? 0 : fail("writing", strerror(errno));
}
