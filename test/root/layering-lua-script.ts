/** Scripts in Lua that write down what they get from all that rpm gives them. */

/** Each line is one expression; what it gives is written down. `%%` because rpmbuild reads it. */
export const LUA = String.raw`
local out = io.open("/usr/share/lua-said", "w")
local function say(...)
  local words = table.pack(...)
  for i = 1, words.n do words[i] = tostring(words[i]) end
  out:write(table.concat(words, " "), "\n")
end
say(#arg, arg[1], arg[2], arg[3], arg[2] == 1, math.type(arg[2]), opt and #opt)
say(pcall(os.exit, 0), pcall(posix.exec, "/bin/true"), pcall(rpm.redirect2null, 1), pcall(posix.redirect2null, 1))
say(pcall(rpm.interactive))
say(posix.mkdir("/usr/share/made"))
say(posix.mkdir("/usr/share/made"))
say(posix.chmod("/usr/share/made", "rwxr-x---"))
say(posix.stat("/usr/share/made", "mode"), posix.stat("/usr/share/made", "type"), posix.stat("/usr/share/made").uid)
say(posix.chmod("/usr/share/made", "755"), posix.stat("/usr/share/made", "mode"))
say(posix.chmod("/usr/share/made", "u+x,go-rx"), posix.stat("/usr/share/made", "mode"))
say(posix.stat("/nowhere"))
say(posix.access("/usr/share/made", "rx"))
say(posix.access("/nowhere"))
say(posix.symlink("target", "/usr/share/made/link"), posix.readlink("/usr/share/made/link"))
say(posix.stat("/usr/share/made/link", "type"))
say(posix.getpasswd("bin", "uid"), posix.getpasswd("root", "dir"), posix.getgroup("bin").gid)
say(posix.chown("/usr/share/made", "bin", "bin"), posix.stat("/usr/share/made", "uid"))
local names = posix.dir("/usr/share/made")
table.sort(names)
say(table.concat(names, ","))
local seen = {}
for name in posix.files("/usr/share/made") do seen[#seen + 1] = name end
table.sort(seen)
say(table.concat(seen, ","))
say(posix.unlink("/usr/share/made/link"))
say(posix.unlink("/usr/share/made/link"))
say(posix.getenv("NOT_THERE"), posix.setenv("NOW_THERE", "x", true), posix.getenv("NOW_THERE"))
say(rpm.vercmp("1.0", "1.0~rc1"), rpm.vercmp("1.0-2", "1.0-10"), rpm.vercmp("2:1", "1:9"), rpm.vercmp("1.a", "1.1"))
say(rpm.expand("%%{_sysconfdir}/%%{?not_there}x %%%%"))
rpm.define("of_this_script  (%%{_bindir}) ")
say(rpm.expand("%%of_this_script"), rpm.isdefined("of_this_script"), rpm.isdefined("not_there"))
rpm.define("of_this_script again")
say(macros.of_this_script, macros.not_there)
rpm.undefine("of_this_script")
say(macros.of_this_script)
rpm.define("with_arguments() <%%1,%%2,%%#>")
say(rpm.isdefined("with_arguments"))
say(macros.with_arguments({"a b", "c"}), macros.with_arguments("a b"))
macros.set_here = "value"
say(rpm.expand("%%set_here"))
say(pcall(rpm.define, "nothing"))
for _, width in ipairs({-1, 0, 3, 4, 6, 8}) do
  for _, text in ipairs({"a", "ab", "abc", ("abc"):rep(20)}) do say(width, rpm.b64encode(text, width)) end
end
say(rpm.b64encode(("x"):rep(48)), rpm.b64decode("aGVs\nbG8="), rpm.b64decode("!"), rpm.b64decode("YQBi"))
say(table.concat(rpm.splitargs(" a  b\tc\031d e\031f "), ","))
say(rpm.unsplitargs({"a", "", "b c"}))
for _, pair in ipairs({{"1", "1-1"}, {"1-1", "1"}, {"0:1", "1"}, {"1:1", "2"}, {"a-b-c", "a-b"}}) do
  say(rpm.vercmp(pair[1], pair[2]), rpm.ver(pair[1]) < rpm.ver(pair[2]), rpm.ver(pair[1]) == rpm.ver(pair[2]))
end
say(rpm.ver("3:1.0-2").e, rpm.ver("1.0").e, rpm.ver("a-b-c").v, rpm.ver("1.0").r, rpm.ver(1, 2, 3), rpm.ver(nil, 2, "x"))
say(pcall(rpm.ver, 1, 2), pcall(rpm.vercmp, "", "1"))
for _, name in ipairs({"arg_max", "clk_tck", "job_control", "ngroups_max", "saved_ids", "stream_max", "version"}) do
  say(name, posix.sysconf(name), posix.sysconf()[name])
end
say(posix.sysconf("clk_tck", "version"))
say(posix.pathconf("/usr", "name_max"), posix.pathconf("/usr").path_max, posix.pathconf("/nowhere", "name_max"))
for _, name in ipairs({"utime", "stime", "cutime", "cstime", "elapsed"}) do say(type(posix.times()[name])) end
say(pcall(posix.times, "nothing"))
say(posix.ctermid())
say(rpm.execute("/bin/sh", "-c", "exit 0"))
say(rpm.execute("/bin/sh", "-c", "exit 3"))
say(rpm.execute("/bin/sh", "-c", "kill -9 $$"))
say(rpm.execute("/nowhere/program", "x"))
say(os.execute("exit 4"))
out:flush()
local redirected = posix.fork()
if redirected == 0 then
  rpm.redirect2null(1)
  posix.exec("/bin/sh", "-c", "echo unheard")
end
say(posix.wait(redirected) == redirected, pcall(posix.wait, redirected))
out:flush()
local unfinished = posix.fork()
if unfinished == 0 then return end
say(posix.wait(unfinished) == unfinished)
out:flush()
local ended = posix.fork()
if ended == 0 then out:write("flushed at its end\n") os.exit(6) end
say(posix.wait(ended) == ended)
local pid = posix.fork()
if pid == 0 then
  posix.exec("/bin/sh", "-c", "echo child >> /usr/share/child")
elseif pid > 0 then
  posix.wait(pid)
end
say(os.remove("/usr/share/made"), os.rename("/usr/share/child", "/usr/share/grown"))
say(_VERSION)
out:close()
`;
/** What the functions of posix take and give. */
export const LUA_POSIX = String.raw`
local out = io.open("/usr/share/lua-posix", "w")
local function say(...)
  local words = table.pack(...)
  for i = 1, words.n do words[i] = tostring(words[i]) end
  out:write(table.concat(words, " "), "\n")
end
local place = "/usr/share/of-posix"
for _, mode in ipairs({"755", "0644", "rw-", "rwsr-s---", "-", "u+s", "g-x,o-r", "a+x", " u + w ", "4711", "rwxrwxrwx"}) do
  say(mode, posix.mkdir(place), posix.chmod(place, mode), posix.stat(place, "mode"), posix.stat(place)._mode, posix.rmdir(place))
end
say(pcall(posix.chmod, "/usr", "x+y"), pcall(posix.chmod, "/usr", "9"), pcall(posix.chmod, "/usr", ""))
say(posix.chmod("/nowhere", "755"))
say(posix.umask(), posix.umask("rwxr-x---"), posix.umask(), posix.umask("755"), posix.umask("nothing"))
say(posix.mkfifo(place), posix.stat(place, "type"), posix.link(place, place .. "2"), posix.stat(place, "nlink"))
say(posix.link("/nowhere/a", "/nowhere/b"))
say(posix.symlink("x", "/nowhere/b"))
say(posix.readlink("/nowhere"))
say(posix.unlink(place), posix.unlink(place .. "2"))
say(posix.mkdir(place), posix.chown(place, "bin"), posix.stat(place, "uid"), posix.stat(place, "gid"))
say(posix.chown(place, "nobody-knows", "nobody-knows"), posix.stat(place, "uid"), posix.chown(place, 0, "2"))
say(posix.stat(place, "gid"), posix.utime(place, 1000, 2000), posix.stat(place, "mtime"), posix.stat(place, "atime"))
say(posix.chown("/nowhere", 0, 0))
say(posix.utime("/nowhere"))
say(pcall(posix.chown, place, {}), pcall(posix.getgroup), pcall(posix.getpasswd, {}))
say(posix.chdir(place), posix.getcwd(), posix.chdir("/nowhere"))
say(posix.chdir("/"), posix.rmdir(place), posix.rmdir(place))
say(posix.dir("/nowhere"))
say(posix.files("/nowhere"))
say(select("#", posix.dir("/usr")))
say(pcall(posix.stat, "/usr", "nothing"), pcall(posix.stat, "/usr", 1), pcall(posix.access, "/usr", "rq"))
say(posix.getpasswd("nobody-knows"), posix.getpasswd(99999), posix.getpasswd(0, "name"), posix.getpasswd("2", "name"))
for _, field in ipairs({"name", "uid", "gid", "dir", "shell", "gecos", "passwd"}) do say(posix.getpasswd("bin", field)) end
say(posix.getgroup("nobody-knows"), posix.getgroup(0).name, #posix.getgroup("bin"), posix.getpasswd().name)
say(pcall(posix.getpasswd, "bin", "nothing"))
say(posix.getprocessid("uid"), posix.getprocessid().euid, pcall(posix.getprocessid, "nothing"))
say(posix.setenv("A_NAME", "1"), posix.setenv("A_NAME", "2", false), posix.getenv().A_NAME, posix.unsetenv("A_NAME"))
say(posix.setenv("", "1"))
say(posix.getenv("A_NAME"), posix.sleep(0), posix.kill(posix.getprocessid("pid"), 0), posix.kill(999999, 0))
say(posix.setuid(0), posix.setgid("root"))
say(posix.uname("%%s 100%%%%"), pcall(posix.uname, "%%q"), pcall(posix.uname, "%%"))
posix.unlink("/nowhere")
say(posix.errno())
say(posix.access("/usr", "rwx"), posix.access("/usr", ""), posix.ttyname(99), posix.version)
out:close()
`;
/** Files by rpm.open, macro files, hooks. */
export const LUA_FILES = String.raw`
local out = io.open("/usr/share/lua-files", "w")
local function say(...)
  local words = table.pack(...)
  for i = 1, words.n do words[i] = tostring(words[i]) end
  out:write(table.concat(words, " "), "\n")
end
local place = "/usr/share/opened"
local f = rpm.open(place, "w")
say(f, f:write("one two three"), f:write("cut off", 3), f:flush(), f:close(), f:close())
f = rpm.open(place)
say(f:read(3), f:read(0), f:seek("set", 4), f:read(3), f:seek("cur", -3), f:seek("end"), f:read(), f:seek("set"), f:read())
say(f:close(), tostring(f))
say(pcall(f.read, f), pcall(f.write, f, "x"), (pcall(f.seek, f, "set")))
f = rpm.open(place, "a")
say(f:write("!"), f:close())
f = rpm.open(place, "r+")
say(f:write("ONE"), f:seek("set", 0), f:read(), f:close())
say(pcall(rpm.open, place, "wx"))
say(pcall(rpm.open, "/nowhere/file", "w"))
say(pcall(rpm.open, "/nowhere/file"))
f = rpm.open(place)
say(pcall(f.write, f, "x"), pcall(f.seek, f, "sideways"))
for _, kind in ipairs({"gzdio", "xzdio", "zstdio", "bzdio", "lzdio"}) do
  local text = ("packed by " .. kind .. " "):rep(1000)
  f = rpm.open(place .. "." .. kind, "w." .. kind)
  say(kind, f:write(text), f:close())
  f = rpm.open(place .. "." .. kind, "r." .. kind)
  say(f:read(10), f:read() == text:sub(11), f:read(), f:close())
  f = rpm.open(place .. "." .. kind)
  say(#f:read() < 1000, f:close())
end
f = rpm.open(place .. ".gzdio"):reopen("r.gzdio")
say(#f:read(), pcall(f.reopen, f, "sideways"))
f = rpm.open(place .. ".gzdio", "w9")
say(f:write("more"), f:close(), rpm.open(place .. ".gzdio", "r.gzdio"):read())
f = rpm.open(place, "r.gzdio")
say(f:read())
f = rpm.open("/usr/share/macros-of-a-script", "w")
f:write("# a comment\n%%of_a_file  from %%{_bindir}\n%%with(o) <%%{-o:opt}%%1>\n")
f:close()
say(rpm.load("/usr/share/macros-of-a-script"), rpm.load("/nowhere/macros"))
say(rpm.expand("%%of_a_file %%{with -o x}"), macros.of_a_file)
local seen = {}
local function hook(name, result)
  return function(arguments)
    for i = 1, #arguments do arguments[i] = type(arguments[i]) .. ":" .. tostring(arguments[i]) end
    seen[#seen + 1] = name .. "(" .. table.concat(arguments, ",") .. ")"
    return result
  end
end
local first, second = rpm.register("event", hook("first")), rpm.register("event", hook("second", 1))
local third = rpm.register("event", hook("third"))
say(type(first), rpm.call("event", 1, 1.5, "text", 3.0), rpm.call("no-event"))
say(rpm.unregister("event", second), rpm.call("event", 2))
local own
own = rpm.register("event", function() rpm.unregister("event", own) seen[#seen + 1] = "own" end)
rpm.call("event")
rpm.call("event", "x")
say(table.concat(seen, " "))
rpm.register("broken", function() error("in a hook") end)
say(pcall(rpm.call, "broken"), pcall(rpm.call, "event", {}), pcall(rpm.register, "x"), pcall(rpm.register))
say(pcall(rpm.unregister, "event", 1), pcall(rpm.call))
out:close()
`;
export const LUA_TRIGGER = String.raw`
local out = io.open("/usr/share/lua-triggered", "w")
local file = rpm.next_file()
while file do
  out:write(file, "\n")
  file = rpm.next_file()
end
out:close()
`;
