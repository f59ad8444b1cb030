// The table `posix`: system calls by name. Users and groups are read from the tree's own files.
#include "rpm-lua.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utime.h>

int push_result(lua_State *L, int result, const char *what) {
    // rpm gives these as floating point numbers: `0.0` where a script prints one.
    if (result != -1) {
        lua_pushnumber(L, result);
        return 1;
    }
    return push_failure(L, errno, what);
}

int push_failure(lua_State *L, int number, const char *what) {
    lua_pushnil(L);
    if (what) lua_pushfstring(L, "%s: %s", what, strerror(number));
    else lua_pushstring(L, strerror(number));
    lua_pushnumber(L, number);
    return 3;
}

int has_forked;

void check_forked(lua_State *L, const char *what) {
    if (!has_forked) luaL_error(L, "%s not permitted in this context", what);
}

static const char *path_at(lua_State *L, int at) { return luaL_checkstring(L, at); }

static void set_text(lua_State *L, const char *name, const char *value) {
    lua_pushstring(L, value);
    lua_setfield(L, -2, name);
}

static void set_number(lua_State *L, const char *name, lua_Integer value) {
    lua_pushnumber(L, (lua_Number)value);
    lua_setfield(L, -2, name);
}

// One field of the table on top, which lies after the arguments, where argument `at` names it, else the table.
static int selected(lua_State *L, int at) {
    if (at >= lua_gettop(L)) return 1;
    const char *name = luaL_checkstring(L, at);
    if (lua_getfield(L, -1, name) == LUA_TNIL) luaL_argerror(L, at, lua_pushfstring(L, "invalid option '%s'", name));
    return 1;
}

// The line of a file like passwd whose field 0 is `name`, or whose field 2 is `id`, split at its colons.
static int find_entry(const char *file, const char *name, long id, char *line, size_t size, char **fields, int most) {
    FILE *f = fopen(file, "re");
    int count = 0;
    while (f && !count && fgets(line, (int)size, f)) {
        line[strcspn(line, "\n")] = 0;
        int n = 0;
        for (char *rest = line; rest && n < most;) fields[n++] = strsep(&rest, ":");
        if (n >= 3 && (name ? !strcmp(fields[0], name) : strtol(fields[2], NULL, 10) == id)) count = n;
    }
    if (f) fclose(f);
    return count;
}

static int find_user(const char *kind, const char *name, long id, char *line, size_t size, char **fields, int most) {
    char file[64];
    for (int i = 0; i < 2; i++) {
        snprintf(file, sizeof file, "%s/%s", i ? "/usr/lib" : "/etc", kind);
        int n = find_entry(file, name, id, line, size, fields, most);
        if (n) return n;
    }
    return 0;
}

static void check_name_or_number(lua_State *L, int at) {
    if (!lua_isstring(L, at))
        luaL_argerror(L, at, lua_pushfstring(L, "string or number expected, got %s", luaL_typename(L, at)));
}

static long id_at(lua_State *L, int at, const char *kind) {
    char line[65536], *fields[8];
    if (lua_isnone(L, at)) return -1;
    if (lua_isnumber(L, at)) return (long)lua_tonumber(L, at);
    check_name_or_number(L, at);
    // Whom nobody knows: the owner stays.
    if (!find_user(kind, lua_tostring(L, at), 0, line, sizeof line, fields, 8)) return -1;
    return strtol(fields[2], NULL, 10);
}

static int posix_access(lua_State *L) {
    int mode = F_OK;
    for (const char *c = luaL_optstring(L, 2, "f"); *c; c++) {
        if (*c == 'r') mode |= R_OK;
        else if (*c == 'w') mode |= W_OK;
        else if (*c == 'x') mode |= X_OK;
        else if (*c != 'f' && *c != ' ') return luaL_argerror(L, 2, lua_pushfstring(L, "unknown mode option `%c'", *c));
    }
    return push_result(L, access(path_at(L, 1), mode), path_at(L, 1));
}

static int posix_chdir(lua_State *L) { return push_result(L, chdir(path_at(L, 1)), path_at(L, 1)); }
static int posix_rmdir(lua_State *L) { return push_result(L, rmdir(path_at(L, 1)), path_at(L, 1)); }
static int posix_unlink(lua_State *L) { return push_result(L, unlink(path_at(L, 1)), path_at(L, 1)); }
static int posix_mkdir(lua_State *L) { return push_result(L, mkdir(path_at(L, 1), 0777), path_at(L, 1)); }
static int posix_mkfifo(lua_State *L) { return push_result(L, mkfifo(path_at(L, 1), 0777), path_at(L, 1)); }
static int posix_link(lua_State *L) { return push_result(L, link(path_at(L, 1), path_at(L, 2)), NULL); }
static int posix_symlink(lua_State *L) { return push_result(L, symlink(path_at(L, 1), path_at(L, 2)), NULL); }

static int posix_readlink(lua_State *L) {
    char target[4097];
    ssize_t n = readlink(path_at(L, 1), target, sizeof target);
    if (n < 0) return push_result(L, -1, path_at(L, 1));
    lua_pushlstring(L, target, (size_t)n);
    return 1;
}

static int posix_getcwd(lua_State *L) {
    char path[4097];
    if (!getcwd(path, sizeof path)) return push_result(L, -1, ".");
    lua_pushstring(L, path);
    return 1;
}

static int posix_chown(lua_State *L) {
    long user = id_at(L, 2, "passwd"), group = id_at(L, 3, "group");
    return push_result(L, chown(path_at(L, 1), (uid_t)user, (gid_t)group), path_at(L, 1));
}

static int posix_utime(lua_State *L) {
    lua_Number now = (lua_Number)time(NULL);
    struct utimbuf times = {
        .actime = (time_t)luaL_optnumber(L, 3, now),
        .modtime = (time_t)luaL_optnumber(L, 2, now),
    };
    return push_result(L, utime(path_at(L, 1), &times), path_at(L, 1));
}

static const char *type_of(mode_t mode) {
    if (S_ISREG(mode)) return "regular";
    if (S_ISDIR(mode)) return "directory";
    if (S_ISLNK(mode)) return "link";
    if (S_ISCHR(mode)) return "character device";
    if (S_ISBLK(mode)) return "block device";
    if (S_ISFIFO(mode)) return "fifo";
    return S_ISSOCK(mode) ? "socket" : "?";
}

static int posix_stat(lua_State *L) {
    struct stat st;
    if (lstat(path_at(L, 1), &st)) return push_result(L, -1, path_at(L, 1));
    char mode[10];
    mode_text(st.st_mode, mode);
    lua_newtable(L);
    set_text(L, "mode", mode);
    set_text(L, "type", type_of(st.st_mode));
    set_number(L, "_mode", st.st_mode);
    set_number(L, "ino", (lua_Integer)st.st_ino);
    set_number(L, "dev", (lua_Integer)st.st_dev);
    set_number(L, "nlink", (lua_Integer)st.st_nlink);
    set_number(L, "uid", st.st_uid);
    set_number(L, "gid", st.st_gid);
    set_number(L, "size", st.st_size);
    set_number(L, "atime", st.st_atime);
    set_number(L, "mtime", st.st_mtime);
    set_number(L, "ctime", st.st_ctime);
    return selected(L, 2);
}

static int posix_dir(lua_State *L) {
    const char *path = luaL_optstring(L, 1, ".");
    DIR *dir = opendir(path);
    if (!dir) return push_result(L, -1, path);
    lua_newtable(L);
    int n = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        lua_pushstring(L, entry->d_name);
        lua_rawseti(L, -2, ++n);
    }
    closedir(dir);
    return 1;
}

static int next_name(lua_State *L) {
    lua_Integer at = lua_tointeger(L, lua_upvalueindex(2)) + 1;
    lua_pushinteger(L, at);
    lua_replace(L, lua_upvalueindex(2));
    lua_rawgeti(L, lua_upvalueindex(1), at);
    return 1;
}

static int posix_files(lua_State *L) {
    int n = posix_dir(L);
    if (n != 1) return n;
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, next_name, 2);
    return 1;
}

static int posix_fork(lua_State *L) {
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) has_forked = 1;
    return push_result(L, pid, NULL);
}

static int posix_exec(lua_State *L) {
    check_forked(L, "exec");
    int n = lua_gettop(L);
    const char **words = lua_newuserdata(L, sizeof *words * ((size_t)n + 1));
    for (int i = 0; i < n; i++) words[i] = luaL_checkstring(L, i + 1);
    words[n] = NULL;
    fflush(NULL);
    execvp(words[0], (char *const *)words);
    return push_result(L, -1, words[0]);
}

static int posix_wait(lua_State *L) {
    return push_result(L, waitpid((pid_t)luaL_optinteger(L, 1, -1), NULL, 0), NULL);
}

static int posix_exit(lua_State *L) {
    fflush(NULL);
    _exit((int)luaL_optinteger(L, 1, 0));
}

static int posix_kill(lua_State *L) {
    return push_result(L, kill((pid_t)luaL_checkinteger(L, 1), (int)luaL_optinteger(L, 2, SIGTERM)), NULL);
}

static int posix_sleep(lua_State *L) {
    lua_pushnumber(L, sleep((unsigned)luaL_checkinteger(L, 1)));
    return 1;
}

static int posix_setuid(lua_State *L) { return push_result(L, setuid((uid_t)id_at(L, 1, "passwd")), NULL); }
static int posix_setgid(lua_State *L) { return push_result(L, setgid((gid_t)id_at(L, 1, "group")), NULL); }

int posix_redirect2null(lua_State *L) {
    check_forked(L, "redirect2null");
    int target = (int)luaL_checkinteger(L, 1);
    fflush(NULL);
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    int result = fd < 0 ? -1 : dup2(fd, target);
    if (fd >= 0 && fd != target) close(fd);
    return push_result(L, result, "redirect2null");
}

// All of them where none is named.
static int posix_getenv(lua_State *L) {
    if (!lua_isnone(L, 1)) {
        lua_pushstring(L, getenv(luaL_checkstring(L, 1)));
        return 1;
    }
    lua_newtable(L);
    for (char **one = environ; *one; one++) {
        const char *end = strchr(*one, '=');
        if (!end) continue;
        lua_pushlstring(L, *one, (size_t)(end - *one));
        lua_pushstring(L, end + 1);
        lua_settable(L, -3);
    }
    return 1;
}

static int posix_setenv(lua_State *L) {
    const char *name = luaL_checkstring(L, 1), *value = luaL_checkstring(L, 2);
    return push_result(L, setenv(name, value, lua_isnoneornil(L, 3) || lua_toboolean(L, 3)), name);
}

static int posix_unsetenv(lua_State *L) {
    unsetenv(luaL_checkstring(L, 1));
    return 0;
}

static int posix_errno(lua_State *L) {
    int number = errno;
    lua_pushstring(L, strerror(number));
    lua_pushnumber(L, number);
    return 2;
}

static int posix_getprocessid(lua_State *L) {
    lua_newtable(L);
    set_number(L, "pid", getpid());
    set_number(L, "ppid", getppid());
    set_number(L, "uid", getuid());
    set_number(L, "gid", getgid());
    set_number(L, "euid", geteuid());
    set_number(L, "egid", getegid());
    set_number(L, "pgrp", getpgrp());
    return selected(L, 1);
}

static int posix_getpasswd(lua_State *L) {
    char line[65536], *f[8];
    if (!lua_isnoneornil(L, 1)) check_name_or_number(L, 1);
    const char *name = lua_isnumber(L, 1) ? NULL : lua_tostring(L, 1);
    long id = lua_isnumber(L, 1) ? (long)lua_tonumber(L, 1) : (long)geteuid();
    if (find_user("passwd", name, id, line, sizeof line, f, 8) < 7) {
        lua_pushnil(L);
        return 1;
    }
    lua_newtable(L);
    set_text(L, "name", f[0]);
    set_text(L, "passwd", f[1]);
    set_number(L, "uid", strtol(f[2], NULL, 10));
    set_number(L, "gid", strtol(f[3], NULL, 10));
    set_text(L, "gecos", f[4]);
    set_text(L, "dir", f[5]);
    set_text(L, "shell", f[6]);
    return selected(L, 2);
}

static int posix_getgroup(lua_State *L) {
    char line[65536], *f[8];
    check_name_or_number(L, 1);
    const char *name = lua_isnumber(L, 1) ? NULL : lua_tostring(L, 1);
    int n = find_user("group", name, (long)lua_tonumber(L, 1), line, sizeof line, f, 8);
    if (n < 3) {
        lua_pushnil(L);
        return 1;
    }
    lua_newtable(L);
    set_text(L, "name", f[0]);
    set_number(L, "gid", strtol(f[2], NULL, 10));
    int count = 0;
    for (char *rest = n > 3 ? f[3] : NULL, *member; rest && (member = strsep(&rest, ","));) {
        if (!*member) continue;
        lua_pushstring(L, member);
        lua_rawseti(L, -2, ++count);
    }
    return 1;
}

static int posix_uname(lua_State *L) {
    struct utsname name;
    if (uname(&name)) return push_result(L, -1, "uname");
    const char *format = luaL_optstring(L, 1, "%s %n %r %v %m");
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    for (const char *c = format; *c; c++) {
        if (*c != '%') {
            luaL_addchar(&text, *c);
            continue;
        }
        switch (*++c) {
        case 'm': luaL_addstring(&text, name.machine); break;
        case 'n': luaL_addstring(&text, name.nodename); break;
        case 'r': luaL_addstring(&text, name.release); break;
        case 's': luaL_addstring(&text, name.sysname); break;
        case 'v': luaL_addstring(&text, name.version); break;
        case '%': luaL_addchar(&text, '%'); break;
        default: return luaL_argerror(L, 2, lua_pushfstring(L, "unknown format option `%c'", *c));
        }
    }
    luaL_pushresult(&text);
    return 1;
}

static const luaL_Reg FUNCTIONS[] = {
    {"access", posix_access}, {"chdir", posix_chdir}, {"chmod", posix_chmod}, {"chown", posix_chown},
    {"ctermid", posix_ctermid}, {"dir", posix_dir}, {"errno", posix_errno}, {"exec", posix_exec},
    {"_exit", posix_exit}, {"files", posix_files}, {"fork", posix_fork}, {"getcwd", posix_getcwd},
    {"getenv", posix_getenv}, {"getgroup", posix_getgroup}, {"getlogin", posix_getlogin},
    {"getpasswd", posix_getpasswd}, {"getprocessid", posix_getprocessid}, {"kill", posix_kill}, {"link", posix_link},
    {"mkdir", posix_mkdir}, {"mkfifo", posix_mkfifo}, {"mkstemp", posix_mkstemp}, {"pathconf", posix_pathconf},
    {"putenv", posix_putenv}, {"readlink", posix_readlink}, {"redirect2null", posix_redirect2null},
    {"rmdir", posix_rmdir}, {"setenv", posix_setenv}, {"setgid", posix_setgid}, {"setuid", posix_setuid},
    {"sleep", posix_sleep}, {"stat", posix_stat}, {"symlink", posix_symlink}, {"sysconf", posix_sysconf},
    {"times", posix_times}, {"ttyname", posix_ttyname}, {"umask", posix_umask}, {"uname", posix_uname},
    {"unlink", posix_unlink}, {"unsetenv", posix_unsetenv}, {"utime", posix_utime}, {"wait", posix_wait}, {NULL, NULL},
};

int open_posix(lua_State *L) {
    luaL_newlib(L, FUNCTIONS);
    lua_pushstring(L, "posix library for " LUA_VERSION " / Nov 2003");
    lua_setfield(L, -2, "version");
    return 1;
}
