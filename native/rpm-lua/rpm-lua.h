// Runs scripts of packages that are written in Lua, with the tables `posix` and `rpm` that they expect.
#pragma once
#include <lua5.3/lauxlib.h>
#include <lua5.3/lua.h>
#include <lua5.3/lualib.h>
#include <sys/types.h>

// A result as these tables give it: the number, or nil, "WHAT: why" and errno where it is -1.
int push_result(lua_State *L, int result, const char *what);
// The same for this errno; the words of `what` only where it is given.
int push_failure(lua_State *L, int number, const char *what);
// Runs a program to its end; its wait status, or -1. `output` gets what it prints, as a string on the stack, unless null.
int run_program(lua_State *L, char *const *words, int captures);
int open_posix(lua_State *L);
int open_rpm(lua_State *L);
// Whether this process is one that the script has forked: only there it may end or become another program.
extern int has_forked;
// Raises an error where the script's own process calls it.
void check_forked(lua_State *L, const char *what);
// Parts of the table `rpm`: macros.c, version.c, files.c, hooks.c and text.c.
void open_macros(lua_State *L);
void open_version(lua_State *L);
void open_files(lua_State *L);
int rpm_open_file(lua_State *L);
int rpm_register(lua_State *L);
int rpm_unregister(lua_State *L);
int rpm_call(lua_State *L);
int rpm_load(lua_State *L);
int rpm_expand(lua_State *L);
int rpm_define(lua_State *L);
int rpm_undefine(lua_State *L);
int rpm_isdefined(lua_State *L);
int rpm_vercmp(lua_State *L);
int rpm_ver(lua_State *L);
int rpm_b64encode(lua_State *L);
int rpm_b64decode(lua_State *L);
int rpm_splitargs(lua_State *L);
int rpm_unsplitargs(lua_State *L);
// `rwxr-xr-x`.
void mode_text(mode_t mode, char text[10]);
// Parts of the table `posix`: modes.c and system.c, and one that `rpm` has too.
int posix_chmod(lua_State *L);
int posix_umask(lua_State *L);
int posix_redirect2null(lua_State *L);
int posix_ctermid(lua_State *L);
int posix_getlogin(lua_State *L);
int posix_mkstemp(lua_State *L);
int posix_pathconf(lua_State *L);
int posix_putenv(lua_State *L);
int posix_sysconf(lua_State *L);
int posix_times(lua_State *L);
int posix_ttyname(lua_State *L);
