// Parts of the table `posix`: limits, times, terminals, temporary files.
#include "rpm-lua.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/times.h>
#include <unistd.h>

struct value {
    const char *name;
    lua_Number number;
};

// The value that argument `at` names, or a table with all of them.
static int push_values(lua_State *L, int at, const struct value *values) {
    const char *name = luaL_optstring(L, at, NULL);
    if (!name) lua_newtable(L);
    for (; values->name; values++) {
        if (name && strcmp(values->name, name)) continue;
        lua_pushnumber(L, values->number);
        if (name) return 1;
        lua_setfield(L, -2, values->name);
    }
    return name ? luaL_argerror(L, at, lua_pushfstring(L, "invalid option '%s'", name)) : 1;
}

int posix_sysconf(lua_State *L) {
    const struct value values[] = {
        {"arg_max", sysconf(_SC_ARG_MAX)},         {"child_max", sysconf(_SC_CHILD_MAX)},
        {"clk_tck", sysconf(_SC_CLK_TCK)},         {"job_control", sysconf(_SC_JOB_CONTROL)},
        {"ngroups_max", sysconf(_SC_NGROUPS_MAX)}, {"open_max", sysconf(_SC_OPEN_MAX)},
        {"saved_ids", sysconf(_SC_SAVED_IDS)},     {"stream_max", sysconf(_SC_STREAM_MAX)},
        {"tzname_max", sysconf(_SC_TZNAME_MAX)},   {"version", sysconf(_SC_VERSION)},
        {NULL, 0},
    };
    return push_values(L, 1, values);
}

int posix_pathconf(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    const struct value values[] = {
        {"chown_restricted", pathconf(path, _PC_CHOWN_RESTRICTED)},
        {"link_max", pathconf(path, _PC_LINK_MAX)},
        {"max_canon", pathconf(path, _PC_MAX_CANON)},
        {"max_input", pathconf(path, _PC_MAX_INPUT)},
        {"name_max", pathconf(path, _PC_NAME_MAX)},
        {"no_trunc", pathconf(path, _PC_NO_TRUNC)},
        {"path_max", pathconf(path, _PC_PATH_MAX)},
        {"pipe_buf", pathconf(path, _PC_PIPE_BUF)},
        {"vdisable", pathconf(path, _PC_VDISABLE)},
        {NULL, 0},
    };
    return push_values(L, 2, values);
}

// In seconds.
int posix_times(lua_State *L) {
    struct tms spent;
    lua_Number ticks = sysconf(_SC_CLK_TCK), elapsed = times(&spent) / ticks;
    const struct value values[] = {
        {"utime", spent.tms_utime / ticks},   {"stime", spent.tms_stime / ticks},
        {"cutime", spent.tms_cutime / ticks}, {"cstime", spent.tms_cstime / ticks},
        {"elapsed", elapsed},                 {NULL, 0},
    };
    return push_values(L, 1, values);
}

int posix_ctermid(lua_State *L) {
    char name[L_ctermid];
    lua_pushstring(L, ctermid(name));
    return 1;
}

int posix_ttyname(lua_State *L) {
    lua_pushstring(L, ttyname((int)luaL_optinteger(L, 1, 0)));
    return 1;
}

// Nobody is logged in where a tree is composed.
int posix_getlogin(lua_State *L) {
    lua_pushnil(L);
    return 1;
}

int posix_putenv(lua_State *L) {
    char *text = strdup(luaL_checkstring(L, 1));
    return push_result(L, text ? putenv(text) : -1, luaL_checkstring(L, 1));
}

static int close_file(lua_State *L) {
    luaL_Stream *stream = luaL_checkudata(L, 1, LUA_FILEHANDLE);
    return luaL_fileresult(L, fclose(stream->f) == 0, NULL);
}

// An open file (rpm 4.18 gives one that is closed), and the name that the template got.
int posix_mkstemp(lua_State *L) {
    char *name = strdup(luaL_checkstring(L, 1));
    luaL_Stream *stream = lua_newuserdata(L, sizeof *stream);
    stream->closef = NULL;
    luaL_setmetatable(L, LUA_FILEHANDLE);
    int fd = name ? mkstemp(name) : -1;
    stream->f = fd < 0 ? NULL : fdopen(fd, "a+");
    if (!stream->f) {
        free(name);
        return push_result(L, -1, lua_tostring(L, 1));
    }
    stream->closef = close_file;
    lua_pushstring(L, name);
    free(name);
    return 2;
}
