"""tmux: streams over terminals and between client and server, signals of children, and direct use of their fields."""

import subprocess

import programs


class Tmux(programs.Case):
    programs = ("tmux",)

    def setUp(self):
        super().setUp()
        self.addCleanup(self.end_server)
        self.tmux("new-session", "-d", "-s", "main", "-x", 80, "-y", 24, "exec sh -i")
        self.pid = int(self.tmux("display-message", "-p", "#{pid}"))

    def command(self, *arguments):
        return ("tmux", "-S", self.folder / "socket", "-f", "/dev/null", *arguments)

    def tmux(self, *arguments, **options):
        more = {"PS1": "ready> ", "ENV": "", "TERM": "screen"}
        return self.run_to_end(*self.command(*arguments), more_environment=more, **options)

    def end_server(self):
        subprocess.run([*map(str, self.command("kill-server"))], capture_output=True, check=False,
                       timeout=programs.PATIENCE, env=programs.environment())

    def type(self, line, pane="main"):
        self.tmux("send-keys", "-t", pane, line, "Enter")

    def screen(self, pane="main", *options):
        return self.tmux("capture-pane", "-p", "-t", pane, *options)

    def wait_for_line(self, line, pane="main"):
        programs.wait_until(lambda: line in self.screen(pane).splitlines(),
                            lambda: f"{line!r} in {self.screen(pane)!r}")

    def panes(self):
        return self.tmux("list-panes", "-s", "-F", "#{pane_width}x#{pane_height}").split()

    def test_runs_on_the_libraries_under_test(self):
        self.check_libraries(self.pid)

    def test_shows_what_is_typed(self):
        self.type("echo one'-'two")
        self.wait_for_line("one-two")
        self.check_idle(self.pid)

    def test_large_output(self):
        self.tmux("set-option", "-g", "history-limit", 200000)
        self.tmux("new-window", "-n", "long", "sh -c 'seq 100000; echo end; exec cat'")
        self.wait_for_line("end", "main:long")
        lines = self.screen("main:long", "-S", "-").split()
        self.assertEqual(lines, [str(number) for number in range(1, 100001)] + ["end"])
        self.check_idle(self.pid)

    def test_panes_at_the_same_time(self):
        for direction in ("-h", "-v", "-h"):
            self.tmux("split-window", direction, "-t", "main", "exec sh -i")
        for pane in range(4):
            self.type(f"seq {pane + 1}000; echo done in {pane}", f"main.{pane}")
        for pane in range(4):
            self.wait_for_line(f"done in {pane}", f"main.{pane}")
        self.tmux("kill-pane", "-t", "main.2")
        self.assertEqual(len(self.panes()), 3)

    def test_children_that_end(self):
        for number in range(20):
            self.tmux("split-window", "-t", "main", f"exit {number}")
            self.tmux("select-layout", "-t", "main", "tiled")
        programs.wait_until(lambda: len(self.panes()) == 1, "the panes of ended children to go")

    def test_resize(self):
        self.tmux("new-window", "-n", "sized", "trap 'stty size' WINCH; stty size; while sleep 0.05; do :; done")
        self.wait_for_line("24 80", "main:sized")
        for width, height in ((120, 40), (40, 10), (200, 50)):
            self.tmux("resize-window", "-t", "main:sized", "-x", width, "-y", height)
            self.wait_for_line(f"{height} {width}", "main:sized")

    def test_pastes_through_files(self):
        content = "".join(f"{number:07d}\n" for number in range(100000))
        source, copy = self.write("source", content), self.folder / "copy"
        self.tmux("load-buffer", source)
        self.tmux("save-buffer", copy)
        self.assertEqual(copy.read_text(), content)

    def test_pastes_through_the_client(self):
        content = "".join(f"{number:07d}\n" for number in range(100000))
        self.tmux("load-buffer", "-", input=content.encode())
        self.assertEqual(self.tmux("save-buffer", "-"), content)

    def test_pipes_a_pane(self):
        copy = self.folder / "copy"
        self.tmux("pipe-pane", "-t", "main", f"exec cat > {copy}")
        self.type("seq 2000; echo piped'-'through")
        programs.wait_until(lambda: copy.exists() and b"\r\npiped-through\r\n" in copy.read_bytes(), "the piped output")
        self.assertIn(b"1999\r\n2000\r\n", copy.read_bytes())

    def test_runs_jobs(self):
        self.tmux("run-shell", f"seq 300 > {self.folder / 'numbers'}")
        self.assertEqual((self.folder / "numbers").read_text().split()[-1], "300")
        self.tmux("if-shell", "exit 1", "set-buffer yes", "set-buffer no")
        self.assertEqual(self.tmux("show-buffer"), "no")

    def test_control_mode(self):
        told = self.tmux("-C", "attach-session", "-t", "main", input=b"display-message -p in-control\n")
        lines = told.splitlines()
        self.assertIn("in-control", lines)
        self.assertTrue(lines[-1].startswith("%exit"), told)

    def test_waits_for_a_channel(self):
        waiting = subprocess.Popen([*map(str, self.command("wait-for", "channel"))], env=programs.environment())
        self.tmux("wait-for", "-S", "channel")
        self.assertEqual(waiting.wait(programs.PATIENCE), 0)

    def test_ends_when_told(self):
        self.tmux("kill-server")
        self.assertRegex(self.tmux("list-sessions", expect=1), "no server running|error connecting|server exited")


class AttachedTmux(programs.Case):
    """A client on a terminal, which script(1) lends it."""

    programs = ("tmux", "script")

    def test_terminal(self):
        socket = self.folder / "socket"
        tmux = f"{programs.find('tmux')} -S {socket} -f /dev/null"
        shown = self.run_to_end(
            "script", "-qec", f"stty rows 24 cols 80; {tmux} new-session 'seq 50; echo last-line; sleep 0.2'", "/dev/null",
            more_environment={"TERM": "xterm"}, stdin=subprocess.DEVNULL)
        self.assertIn("last-line", shown)
        self.assertIn("[exited]", shown)
