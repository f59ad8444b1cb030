// Runs scripts of packages that are written in Lua, with the tables `posix` and `rpm` that they expect.
#pragma once
#include <lua5.3/lauxlib.h>
#include <lua5.3/lua.h>
#include <lua5.3/lualib.h>
#include <sys/types.h>

// A result as these tables give it: the number, or nil, "WHAT: why" and errno where it is -1.
int push_result(lua_State *L, int result, const char *what);
// Runs a program to its end; its wait status, or -1. `output` gets what it prints, as a string on the stack, unless null.
int run_program(lua_State *L, char *const *words, int captures);
int open_posix(lua_State *L);
int open_rpm(lua_State *L);
// Parts of the table `rpm`: macros.c, version.c and text.c.
void open_macros(lua_State *L);
void open_version(lua_State *L);
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
// Parts of the table `posix`: system.c.
int posix_ctermid(lua_State *L);
int posix_getlogin(lua_State *L);
int posix_mkstemp(lua_State *L);
int posix_pathconf(lua_State *L);
int posix_putenv(lua_State *L);
int posix_sysconf(lua_State *L);
int posix_times(lua_State *L);
int posix_ttyname(lua_State *L);
