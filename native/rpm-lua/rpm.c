// The table `rpm`: programs, macros (by the tree's own rpm), versions, and the paths that set off a file trigger.
#include "rpm-lua.h"
#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int run_program(lua_State *L, char *const *words, int captures) {
    int ends[2];
    fflush(NULL);
    if (captures && pipe(ends)) return -1;
    pid_t pid = fork();
    if (pid < 0) return -1;
    if (pid == 0) {
        if (captures && (dup2(ends[1], 1) < 0 || close(ends[0]) || close(ends[1]))) _exit(127);
        execvp(words[0], words);
        fprintf(stderr, "%s: %s\n", words[0], strerror(errno));
        _exit(127);
    }
    if (captures) {
        close(ends[1]);
        luaL_Buffer text;
        luaL_buffinit(L, &text);
        char piece[4096];
        for (ssize_t n; (n = read(ends[0], piece, sizeof piece)) > 0;) luaL_addlstring(&text, piece, (size_t)n);
        close(ends[0]);
        luaL_pushresult(&text);
    }
    int status;
    return waitpid(pid, &status, 0) < 0 ? -1 : status;
}

static int rpm_execute(lua_State *L) {
    int n = lua_gettop(L);
    const char **words = lua_newuserdata(L, sizeof *words * ((size_t)n + 1));
    for (int i = 0; i < n; i++) words[i] = luaL_checkstring(L, i + 1);
    words[n] = NULL;
    int status = run_program(L, (char *const *)words, 0);
    if (status < 0) return push_result(L, -1, "execute");
    if (status == 0) return push_result(L, 0, "execute");
    // As rpm 4.18: the wait status where an errno is expected.
    lua_pushnil(L);
    lua_pushstring(L, strerror(status));
    lua_pushnumber(L, status);
    return 3;
}

static int rpm_expand(lua_State *L) {
    const char *words[] = {"/usr/bin/rpm", "--eval", luaL_checkstring(L, 1), NULL};
    if (!strchr(words[2], '%')) {
        lua_pushvalue(L, 1);
        return 1;
    }
    if (access(words[0], X_OK)) return luaL_error(L, "macros cannot be expanded: the tree has no %s", words[0]);
    if (run_program(L, (char *const *)words, 1) != 0) return luaL_error(L, "'%s' cannot be expanded", words[2]);
    size_t size;
    const char *text = lua_tolstring(L, -1, &size);
    lua_pushlstring(L, text, size > 0 && text[size - 1] == '\n' ? size - 1 : size);
    return 1;
}

// Segment by segment: numbers as numbers, words bytewise; `~` before the end, `^` right after it.
static int compare(const char *a, const char *b) {
    for (;;) {
        while (*a && !isalnum((unsigned char)*a) && *a != '~' && *a != '^') a++;
        while (*b && !isalnum((unsigned char)*b) && *b != '~' && *b != '^') b++;
        if (*a == '~' || *b == '~') {
            if (*a != *b) return *a == '~' ? -1 : 1;
            a++, b++;
            continue;
        }
        if (*a == '^' || *b == '^') {
            if (!*a) return -1;
            if (!*b) return 1;
            if (*a != *b) return *a == '^' ? -1 : 1;
            a++, b++;
            continue;
        }
        if (!*a || !*b) return *a ? 1 : *b ? -1 : 0;
        int number = isdigit((unsigned char)*a) != 0;
        if (number != (isdigit((unsigned char)*b) != 0)) return number ? 1 : -1;
        int (*in)(int) = number ? isdigit : isalpha;
        if (number) {
            while (*a == '0') a++;
            while (*b == '0') b++;
        }
        size_t left = 0, right = 0;
        while (in((unsigned char)a[left])) left++;
        while (in((unsigned char)b[right])) right++;
        if (number && left != right) return left < right ? -1 : 1;
        int order = strncmp(a, b, left < right ? left : right);
        if (order || left != right) return order ? (order < 0 ? -1 : 1) : left < right ? -1 : 1;
        a += left, b += right;
    }
}

struct evr {
    char epoch[256], version[256], release[256];
    int has_release;
};

static void parse_evr(const char *text, struct evr *evr) {
    const char *colon = strchr(text, ':');
    size_t digits = strspn(text, "0123456789");
    int has_epoch = colon && text + digits == colon;
    snprintf(evr->epoch, sizeof evr->epoch, "%.*s", has_epoch && digits ? (int)digits : 1, has_epoch && digits ? text : "0");
    if (has_epoch) text = colon + 1;
    const char *dash = strrchr(text, '-');
    snprintf(evr->version, sizeof evr->version, "%.*s", dash ? (int)(dash - text) : 255, text);
    snprintf(evr->release, sizeof evr->release, "%s", dash ? dash + 1 : "");
    evr->has_release = dash != NULL;
}

static int rpm_vercmp(lua_State *L) {
    struct evr a, b;
    parse_evr(luaL_checkstring(L, 1), &a);
    parse_evr(luaL_checkstring(L, 2), &b);
    int order = compare(a.epoch, b.epoch);
    if (!order) order = compare(a.version, b.version);
    if (!order && a.has_release && b.has_release) order = compare(a.release, b.release);
    lua_pushinteger(L, order);
    return 1;
}

static int rpm_next_file(lua_State *L) {
    static char *line;
    static size_t size;
    ssize_t n = getline(&line, &size, stdin);
    if (n < 0) return 0;
    lua_pushlstring(L, line, (size_t)(line[n - 1] == '\n' ? n - 1 : n));
    return 1;
}

static int rpm_glob(lua_State *L) {
    glob_t found;
    const char *pattern = luaL_checkstring(L, 1), *flags = luaL_optstring(L, 2, "");
    lua_newtable(L);
    if (glob(pattern, strchr(flags, 'c') ? GLOB_NOCHECK : 0, NULL, &found)) return 1;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        lua_pushstring(L, found.gl_pathv[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    globfree(&found);
    return 1;
}

static const luaL_Reg FUNCTIONS[] = {
    {"execute", rpm_execute}, {"expand", rpm_expand},       {"glob", rpm_glob},
    {"next_file", rpm_next_file}, {"vercmp", rpm_vercmp}, {NULL, NULL},
};

int open_rpm(lua_State *L) {
    luaL_newlib(L, FUNCTIONS);
    return 1;
}
