// The table `rpm`: programs, and the paths that set off a file trigger; the rest of it has files of its own.
#include "rpm-lua.h"
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
    {"b64decode", rpm_b64decode}, {"b64encode", rpm_b64encode}, {"define", rpm_define},
    {"execute", rpm_execute},     {"expand", rpm_expand},       {"glob", rpm_glob},
    {"isdefined", rpm_isdefined}, {"next_file", rpm_next_file}, {"splitargs", rpm_splitargs},
    {"undefine", rpm_undefine},   {"unsplitargs", rpm_unsplitargs}, {"ver", rpm_ver},
    {"vercmp", rpm_vercmp},       {NULL, NULL},
};

int open_rpm(lua_State *L) {
    open_macros(L);
    open_version(L);
    luaL_newlib(L, FUNCTIONS);
    return 1;
}
