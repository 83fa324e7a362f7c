// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import Lambda

@Suite("Runtimes") struct RuntimeTests {
    @Test(
        "an identifier names a family and a version",
        arguments: [
            ("ruby3.4", RuntimeFamily.ruby(version: 304)), ("ruby4.0", .ruby(version: 400)),
            ("java8.al2", .java(feature: 8)),
            ("java21", .java(feature: 21)), ("java17.al2023", .java(feature: 17)), ("python3.12", .python(minor: 12)),
            ("nodejs22.x", .node(major: 22)), ("provided.al2023", .provided), ("dotnet8", .other), ("ruby", .other),
            ("ruby3", .other), ("ruby3.999", .other), ("java", .other), ("javascript", .other), ("ruby-1.2", .other),
        ]
    )
    func family(identifier: String, expected: RuntimeFamily) {
        #expect(RuntimeFamily(identifier) == expected)
    }

    @Test("most of the memory becomes heap, unless the function chooses itself")
    func javaOptions() {
        let plain = JavaOptions(memoryMiB: 512, chosen: "").flags
        #expect(
            plain.contains("-Xmx445644k") && plain.contains("-XX:+UseSerialGC")
                && plain.contains("-XX:TieredStopAtLevel=1")
        )
        let chosen = JavaOptions(
            memoryMiB: 10_240,
            chosen: "-XX:+UseG1GC -Dx=y -XX:MaxRAMPercentage=50 -XX:TieredStopAtLevel=4"
        )
        #expect(chosen.flags == ["-Xshare:auto", "-XX:-UsePerfData", "-Dfile.encoding=UTF-8"])
    }

    @Test("a Java is known by its release file; what the bootstrap cannot run on is passed over")
    func javas() throws {
        let home = try Homes()
        try home.add("new", java: "JAVA_VERSION=\"25.0.1\"\n")
        try home.add("old", java: "IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"1.8.0_452\"\n")
        try home.add("eleven", java: "JAVA_VERSION=\"11.0.2\"\n")
        try home.add("odd", java: "\u{0}rubbish\nJAVA_VERSION=\"\"\n")
        let javas = InterpreterFinder(searchPath: home.binaries).javas
        #expect(javas.keys.sorted() == [25])
        #expect(javas[25]?.prefixes == ["\(home.path)/new"])
        #expect(javas[25]?.version == "25")
    }

    @Test("a Ruby is asked for its version")
    func rubies() throws {
        let home = try Homes()
        try home.add("a", ruby: "echo 'ruby 3.4.1 (2024-12-25 revision 48d4efcb85) [x86_64-linux]'")
        try home.add("b", ruby: "echo 'ruby x.y'")
        try home.add("c", ruby: "exit 1")
        let rubies = InterpreterFinder(searchPath: home.binaries).rubies
        #expect(rubies.keys.sorted() == [304])
        #expect(rubies[304]?.version == "3.4")
    }

    @Test("a runtime that is missing is refused with what installs it, or served by the nearest")
    func missing() throws {
        let home = try Homes()
        try home.add("jdk", java: "JAVA_VERSION=\"21.0.7\"\n")
        let finder = InterpreterFinder(searchPath: home.binaries)
        let strict = RuntimeLocator(finder: finder, allowsNearest: false)
        let lenient = RuntimeLocator(finder: finder, allowsNearest: true)
        #expect(try strict.choose("java21").displayName == "java:21")
        #expect(try lenient.choose("java11").isNearest)
        for (identifier, command) in [
            ("java25", "apt-get install openjdk-25-jre-headless"),
            ("java11", "apt-get install openjdk-17-jre-headless"),
            ("ruby3.4", "apt-get install ruby"),
        ] {
            let error = #expect(throws: RuntimeUnavailable.self) { try strict.choose(identifier) }
            #expect(error?.message.contains(command) == true)
        }
        #expect(throws: RuntimeUnavailable.self) { try lenient.choose("ruby3.4") }
    }
}

/// Made-up interpreters, each in a home of its own.
private final class Homes {
    let path: String
    private var names: [String] = []

    init() throws {
        var template = Array("/tmp/martlet-homes-XXXXXX".utf8CString)
        let made = try #require(mkdtemp(&template).map { String(cString: $0) })
        path = made
    }

    var binaries: [String] { names.map { "\(path)/\($0)/bin" } }

    func add(_ name: String, java release: String) throws {
        try make(name)
        try write("#!/bin/sh\nexit 1\n", to: "\(name)/bin/java", mode: 0o755)
        try write(release, to: "\(name)/release", mode: 0o644)
    }

    func add(_ name: String, ruby script: String) throws {
        try make(name)
        try write("#!/bin/sh\n\(script)\n", to: "\(name)/bin/ruby", mode: 0o755)
    }

    private func make(_ name: String) throws {
        try #require(mkdir("\(path)/\(name)", 0o755) == 0 && mkdir("\(path)/\(name)/bin", 0o755) == 0)
        names.append(name)
    }

    private func write(_ text: String, to name: String, mode: mode_t) throws {
        let file = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_CLOEXEC, mode)
        try #require(file >= 0)
        defer { close(file) }
        let bytes = Array(text.utf8)
        try #require(Glibc.write(file, bytes, bytes.count) == bytes.count)
    }

    deinit {
        for name in names {
            for file in ["bin/java", "bin/ruby", "release"] { unlink("\(path)/\(name)/\(file)") }
            rmdir("\(path)/\(name)/bin")
            rmdir("\(path)/\(name)")
        }
        rmdir(path)
    }
}
