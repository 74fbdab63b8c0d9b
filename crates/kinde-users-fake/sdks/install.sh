# To be sourced at the top of the tree: puts the official SDKs, in the versions that are pinned here, into the target
# folder. Where there is no interpreter for one, or no registry to be reached, it says so and returns 1; any other
# failure ends the script.

source .ci/tools

sdks=crates/kinde-users-fake/sdks
installed=$target/sdks
mkdir -p "$installed"
log=$installed/install.log
python=$installed/python/bin/python

# The SDK for Python, for which `$python` runs programs then.
install_python() {
    install_python_packages "$installed/python" "$sdks/python/requirements.txt"
}

# The SDK for JavaScript. Programs find it from the folder `$installed/javascript`, into which they are copied.
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
