// The table `rpm`: programs, and the paths that set off a file trigger; the rest of it has files of its own.
#include "rpm-lua.h"
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <spawn.h>
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

// Waits for a program that posix_spawnp has started, or not; its wait status, or -1 with the error's three values pushed.
static int end_of(lua_State *L, int error, pid_t pid, const char *what) {
    int status;
    if (!error && waitpid(pid, &status, 0) >= 0) return status;
    if (error) errno = error;
    if (what) push_result(L, -1, what);
    else push_failure(L, errno, NULL);
    return -1;
}

// The words of the table at `at`, or the arguments from 1 on where `at` is 0. They stay on the stack.
static char *const *words_of(lua_State *L, int at) {
    int n = at ? (int)luaL_len(L, at) : lua_gettop(L);
    if (!at) luaL_checkstring(L, 1);
    else if (n == 0) luaL_error(L, "command not supplied");
    const char **words = lua_newuserdata(L, sizeof *words * ((size_t)n + 1));
    luaL_checkstack(L, n, "too many arguments");
    for (int i = 0; i < n; i++) {
        if (at) lua_rawgeti(L, at, i + 1);
        words[i] = luaL_checkstring(L, at ? -1 : i + 1);
    }
    words[n] = NULL;
    return (char *const *)words;
}

static int rpm_execute(lua_State *L) {
    pid_t pid = -1;
    char *const *words = words_of(L, 0);
    fflush(NULL);
    int error = posix_spawnp(&pid, words[0], NULL, NULL, words, environ);
    int status = end_of(L, error, pid, "posix_spawnp");
    if (status < 0) return 3;
    if (status == 0) return push_result(L, 0, "execute");
    // As rpm 4.18: the wait status where an errno is expected.
    return push_failure(L, status, NULL);
}

static int add_redirection(lua_State *L, posix_spawn_file_actions_t *actions) {
    const char *name = luaL_checkstring(L, -2), *path = luaL_checkstring(L, -1);
    int fd = !strcmp(name, "stdin") ? 0 : !strcmp(name, "stdout") ? 1 : !strcmp(name, "stderr") ? 2 : -1;
    if (fd < 0) return luaL_error(L, "invalid spawn directive: %s", name);
    return posix_spawn_file_actions_addopen(actions, fd, path, fd ? O_WRONLY | O_APPEND | O_CREAT : O_RDONLY, 0644);
}

// As rpm 4.20: {PROGRAM, ARGUMENT...} and where its standard streams lead.
static int rpm_spawn(lua_State *L) {
    pid_t pid = -1;
    posix_spawn_file_actions_t actions;
    int error = 0;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    char *const *words = words_of(L, 1);
    if (posix_spawn_file_actions_init(&actions)) return luaL_error(L, "not enough memory");
    if (lua_istable(L, 2)) {
        lua_pushnil(L);
        for (; !error && lua_next(L, 2); lua_pop(L, 1)) error = add_redirection(L, &actions);
    }
    fflush(NULL);
    if (!error) error = posix_spawnp(&pid, words[0], &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    int status = end_of(L, error, pid, NULL);
    if (status < 0) return 3;
    if (WIFSIGNALED(status)) return push_failure(L, WTERMSIG(status), "exit signal");
    return status ? push_failure(L, WEXITSTATUS(status), "exit code") : push_result(L, 0, "spawn");
}

// Scripts run without a terminal.
static int rpm_interactive(lua_State *L) { return luaL_error(L, "not a tty"); }

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
    {"b64decode", rpm_b64decode},     {"b64encode", rpm_b64encode},     {"call", rpm_call},
    {"define", rpm_define},           {"execute", rpm_execute},         {"expand", rpm_expand},
    {"glob", rpm_glob},               {"interactive", rpm_interactive}, {"isdefined", rpm_isdefined},
    {"load", rpm_load},               {"next_file", rpm_next_file},     {"open", rpm_open_file},
    {"redirect2null", posix_redirect2null}, {"register", rpm_register}, {"spawn", rpm_spawn},
    {"splitargs", rpm_splitargs},     {"undefine", rpm_undefine},       {"unregister", rpm_unregister},
    {"unsplitargs", rpm_unsplitargs}, {"ver", rpm_ver},                 {"vercmp", rpm_vercmp},
    {NULL, NULL},
};

int open_rpm(lua_State *L) {
    open_macros(L);
    open_version(L);
    open_files(L);
    luaL_newlib(L, FUNCTIONS);
    return 1;
}
