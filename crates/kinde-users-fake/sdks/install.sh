# This file is sourced at the top of the tree. It installs the official SDKs, in the versions that
# are pinned here, into the target folder. If there is no interpreter for an SDK, or no registry can
# be reached, it says so and returns 1. Any other failure ends the script.

source .ci/tools

sdks=crates/kinde-users-fake/sdks
installed=$target/sdks
mkdir -p "$installed"
log=$installed/install.log
python=$installed/python/bin/python

# Installs the SDK for Python. `$python` then runs programs with it.
install_python() {
    install_python_packages "$installed/python" "$sdks/python/requirements.txt"
}

# Installs the SDK for JavaScript. Programs are copied into the folder `$installed/javascript`, from
# where they find it.
install_javascript() {
    local check='process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'
    if ! node --eval "$check" 2>"$log" || ! command -v npm >"$log"; then
        echo "skipped: the JavaScript SDK: no Node.js 20 or newer with npm on this machine"
        return 1
    fi
    mkdir -p "$installed/javascript" && cp "$sdks"/javascript/* "$installed/javascript" || exit 1
    if ! npm --prefix "$installed/javascript" ci --prefer-offline --no-audit --no-fund >"$log" 2>&1; then
        if npm view dotenv version >>"$log" 2>&1; then
            cat "$log" >&2
            exit 1
        fi
        echo "skipped: the JavaScript SDK: npm reaches no registry from this machine"
        return 1
    fi
}
