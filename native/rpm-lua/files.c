// rpm.open: files as rpm's library opens them. What is compressed goes through the tree's own programs.
#include "rpm-lua.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char FILES[] = "rpm.fd";

// `fd` is the file, or the pipe of the program that reads or writes it; -1 once it is closed.
struct file {
    int fd;
    pid_t filter;
    char name[4097];
};

// A mode as rpm spells it: MODE[LEVEL][.KIND], such as `w9.gzdio`.
struct mode {
    int flags;
    char level[8];
    const char *kind;
};

static const struct filter {
    const char *kind, *program, *option;
} FILTERS[] = {
    {"gzdio", "gzip", "-n"}, {"bzdio", "bzip2", NULL}, {"xzdio", "xz", NULL},
    {"lzdio", "xz", "--format=lzma"}, {"zstdio", "zstd", "-q"}, {NULL, NULL, NULL},
};

// 0 where it is no mode.
static int parse_mode(const char *text, struct mode *mode) {
    size_t level = 0;
    mode->kind = NULL;
    switch (*text) {
    case 'a': mode->flags = O_WRONLY | O_CREAT | O_APPEND; break;
    case 'w': mode->flags = O_WRONLY | O_CREAT | O_TRUNC; break;
    case 'r': mode->flags = O_RDONLY; break;
    default: return 0;
    }
    for (text++; *text && *text != '.'; text++) {
        if (*text == '+') mode->flags = (mode->flags & ~O_ACCMODE) | O_RDWR;
        else if (*text == 'x') mode->flags |= O_EXCL;
        else if (strchr("0123456789", *text) && level + 1 < sizeof mode->level) mode->level[level++] = *text;
    }
    mode->level[level] = 0;
    if (*text && text[1]) mode->kind = text + 1;
    else if (level) mode->kind = "gzdio";
    return 1;
}

static const struct filter *filter_of(const struct mode *mode) {
    for (const struct filter *one = FILTERS; mode->kind && one->kind; one++)
        if (!strcmp(one->kind, mode->kind)) return one;
    return NULL;
}

static struct file *check_file(lua_State *L) { return luaL_checkudata(L, 1, FILES); }

static int spawn_filter(struct file *file, const struct filter *filter, const struct mode *mode) {
    int ends[2], reads = (mode->flags & O_ACCMODE) == O_RDONLY;
    if (pipe2(ends, O_CLOEXEC)) return -1;
    pid_t pid = fork();
    if (pid == 0) {
        char level[sizeof mode->level + 1] = "-";
        const char *words[6] = {filter->program, reads ? "-dcf" : "-c"};
        int at = 2;
        if (!reads && filter->option) words[at++] = filter->option;
        if (!reads && mode->level[0]) words[at++] = strcat(level, mode->level);
        if (dup2(reads ? file->fd : ends[0], 0) < 0 || dup2(reads ? ends[1] : file->fd, 1) < 0) _exit(127);
        execvp(words[0], (char *const *)words);
        _exit(127);
    }
    close(ends[reads]);
    if (pid < 0) {
        close(ends[!reads]);
        return -1;
    }
    close(file->fd);
    file->fd = ends[!reads];
    file->filter = pid;
    return 0;
}

// Puts the program of the mode's kind before the file; an unknown kind is none, as in rpm.
static void add_filter(lua_State *L, struct file *file, const struct mode *mode) {
    const struct filter *filter = filter_of(mode);
    if (!filter) return;
    char program[64] = "/usr/bin/";
    if (access(strcat(program, filter->program), X_OK))
        luaL_error(L, "%s open failed: the tree has no %s", file->name, program);
    if (file->filter || spawn_filter(file, filter, mode))
        luaL_error(L, "%s open failed: %s", file->name, strerror(file->filter ? EBUSY : errno));
}

int rpm_open_file(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    const char *how = luaL_optstring(L, 2, "r");
    struct mode mode;
    struct file *file = lua_newuserdata(L, sizeof *file);
    *file = (struct file){.fd = -1};
    strncat(file->name, path, sizeof file->name - 1);
    luaL_setmetatable(L, FILES);
    errno = EINVAL;
    if (parse_mode(how, &mode)) file->fd = open(path, mode.flags | O_CLOEXEC, 0666);
    if (file->fd < 0) return luaL_error(L, "%s open failed: %s", path, strerror(errno));
    add_filter(L, file, &mode);
    return 1;
}

static int file_reopen(lua_State *L) {
    struct file *file = check_file(L);
    struct mode mode;
    if (!parse_mode(luaL_checkstring(L, 2), &mode) || file->fd < 0)
        return luaL_error(L, "%s stream reopen failed (invalid mode?)", file->name);
    add_filter(L, file, &mode);
    lua_settop(L, 1);
    return 1;
}

// 0 where all is well, -1 where it was closed before, or its program failed.
static int close_file(struct file *file) {
    if (file->fd < 0) return -1;
    int result = close(file->fd), status = 0;
    if (file->filter && (waitpid(file->filter, &status, 0) < 0 || status)) result = -1;
    *file = (struct file){.fd = -1, .name = "[none]"};
    return result;
}

static int file_close(lua_State *L) {
    lua_pushinteger(L, close_file(check_file(L)));
    return 1;
}

static int file_gc(lua_State *L) {
    close_file(check_file(L));
    return 0;
}

static int file_read(lua_State *L) {
    struct file *file = check_file(L);
    lua_Integer left = luaL_optinteger(L, 2, -1);
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    while (left) {
        char piece[8192];
        size_t most = left > 0 && (size_t)left < sizeof piece ? (size_t)left : sizeof piece;
        ssize_t n = read(file->fd, piece, most);
        if (n < 0) return luaL_error(L, "error reading %s: %s", file->name, strerror(errno));
        if (n == 0) break;
        luaL_addlstring(&text, piece, (size_t)n);
        if (left > 0) left -= n;
    }
    luaL_pushresult(&text);
    return 1;
}

static int file_write(lua_State *L) {
    struct file *file = check_file(L);
    size_t size;
    const char *bytes = luaL_checklstring(L, 2, &size);
    lua_Integer most = luaL_optinteger(L, 3, (lua_Integer)size);
    if (most >= 0 && (size_t)most < size) size = (size_t)most;
    for (size_t done = 0; done < size;) {
        ssize_t n = write(file->fd, bytes + done, size - done);
        if (n < 0) return luaL_error(L, "error writing %s: %s", file->name, strerror(errno));
        done += (size_t)n;
    }
    lua_pushinteger(L, (lua_Integer)size);
    return 1;
}

static int file_flush(lua_State *L) {
    lua_pushinteger(L, check_file(L)->fd < 0 ? -1 : 0);
    return 1;
}

static int file_seek(lua_State *L) {
    static const int FROM[] = {SEEK_SET, SEEK_CUR, SEEK_END};
    static const char *const NAMES[] = {"set", "cur", "end", NULL};
    struct file *file = check_file(L);
    int from = FROM[luaL_checkoption(L, 2, "cur", NAMES)];
    off_t at = lseek(file->fd, luaL_optinteger(L, 3, 0), from);
    if (at < 0) return luaL_error(L, "%s: seek failed: %s", file->name, strerror(errno));
    lua_pushinteger(L, at);
    return 1;
}

static int file_text(lua_State *L) {
    lua_pushstring(L, check_file(L)->name);
    return 1;
}

static const luaL_Reg METHODS[] = {
    {"read", file_read},     {"write", file_write},      {"flush", file_flush}, {"close", file_close}, {"seek", file_seek},
    {"reopen", file_reopen}, {"__tostring", file_text}, {"__gc", file_gc},     {NULL, NULL},
};

void open_files(lua_State *L) {
    luaL_newmetatable(L, FILES);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
    luaL_setfuncs(L, METHODS, 0);
    lua_pop(L, 1);
}
