# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# Which files belong to the repository, for the tests in tests/lint. The working
# directory is the top of the repository.

# Every file that exists, apart from what .gitignore names; without git, apart from build/.
repository_files() {
	local f
	if git rev-parse --git-dir >/dev/null 2>&1; then
		git -c core.quotePath=off ls-files -co --exclude-standard
	else
		find . -path ./.git -prune -o -path ./build -prune -o -type f -print | sed 's|^\./||'
	fi | sort -u | while IFS= read -r f; do
		if [[ -f $f && ! -L $f ]]; then echo "$f"; fi
	done
}

# The interpreter's name in a file's first line ("bash", "python3"), or nothing.
shebang_of() {
	head -n 1 "$1" | tr -d '\0' | sed -n 's|^#! */[^ ]*/\(env  *\)\{0,1\}\([^/ ]*\).*|\2|p'
}

# Shell scripts: by their first line, and those that are only sourced by their name.
shell_scripts() {
	local f
	repository_files | while IFS= read -r f; do
		case $f:$(shebang_of "$f") in
		*:bash | *:sh | *:dash | *:busybox | *.sh:) echo "$f" ;;
		esac
	done
}
