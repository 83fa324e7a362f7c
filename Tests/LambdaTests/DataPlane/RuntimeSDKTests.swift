// SPDX-License-Identifier: Apache-2.0
import Glibc
import MartletCore
import MartletTesting
import Sandbox
import Testing

@testable import Lambda

@Suite("SDKs of runtimes") struct RuntimeSDKTests {
    private let data: HostPath

    init() throws {
        var template = Array("/tmp/martlet-sdks-XXXXXX".utf8CString)
        data = HostPath(try #require(mkdtemp(&template).map { String(cString: $0) }))
    }

    private func choice(_ version: String) -> RuntimeChoice {
        let interpreter = Interpreter(path: "/usr/bin/x", prefixes: [], version: version)
        return RuntimeChoice(interpreter: interpreter, isNearest: false, displayName: "x")
    }

    @discardableResult private func install(_ folder: SDKFolder, _ name: String) throws -> String {
        let draft = try folder.begin(SystemIDSource())
        try HostPath(draft.path).appending(name).makeDirectory()
        try folder.finish(draft)
        return try #require(folder.current)
    }

    @Test("an SDK lies where AWS has it, and nowhere for runtimes that have none there")
    func places() throws {
        defer { try? data.remove() }
        let sdks = RuntimeSDKs(named: [.python: data.description, .nodejs: data.description])
        let python = try #require(sdks.mount(for: "python3.14", choice("3.12")))
        #expect(python.target == "/var/lang/lib/python3.12/site-packages" && python.source == data.description)
        #expect(python.isReadOnly)
        #expect(sdks.mount(for: "nodejs22.x", choice("22"))?.target == "/var/runtime/node_modules")
        for identifier in ["ruby3.4", "java21", "provided.al2023"] {
            #expect(sdks.mount(for: identifier, choice("3.4")) == nil)
        }
        var inImage = choice("3.12")
        inImage.interpreter = nil
        #expect(sdks.mount(for: "python3.12", inImage) == nil)
    }

    @Test("where nothing is installed, or what was named has gone, there is no mount")
    func missing() throws {
        defer { try? data.remove() }
        #expect(RuntimeSDKs().mount(for: "python3.12", choice("3.12")) == nil)
        #expect(RuntimeSDKs(data: data.description).mount(for: "python3.12", choice("3.12")) == nil)
        #expect(RuntimeSDKs(named: [.python: "\(data)/gone"]).mount(for: "python3.12", choice("3.12")) == nil)
    }

    @Test("an install takes effect whole; the one before stays for those that have it mounted, older ones go")
    func generations() throws {
        defer { try? data.remove() }
        let folder = SDKFolder(data: data.description, .python)
        #expect(folder.current == nil)
        let paths = try ["one", "two", "three"].map { try install(folder, $0) }
        #expect(RuntimeSDKs(data: data.description).directory(of: .python) == paths[2])
        #expect(HostPath(paths[2]).appending("three").isDirectory)
        #expect(HostPath(paths[1]).isDirectory && !HostPath(paths[0]).exists)
    }

    @Test("an install that fails, or was killed, leaves what was there, and no rests")
    func failures() throws {
        defer { try? data.remove() }
        let folder = SDKFolder(data: data.description, .python)
        let good = try install(folder, "one")
        try folder.abandon(folder.begin(SystemIDSource()))
        #expect(throws: MartletError.self) { try folder.finish(folder.begin(SystemIDSource())) }
        // Killed: its lock went with it, its files did not.
        try data.appending("lambda/sdk/python/.killed").makeDirectory()
        #expect(folder.current == good)
        try install(folder, "two")
        #expect(!data.appending("lambda/sdk/python/.killed").exists)
    }

    @Test("two installs at once are refused")
    func lock() throws {
        defer { try? data.remove() }
        let folder = SDKFolder(data: data.description, .python)
        let first = try folder.begin(SystemIDSource())
        #expect(throws: MartletError.self) { try folder.begin(SystemIDSource()) }
        try folder.abandon(first)
        try install(folder, "one")
    }

    @Test("a link that leads out of the folder is none")
    func hostileLink() throws {
        defer { try? data.remove() }
        try data.appending("lambda/sdk/python").makeDirectories()
        try data.appending("lambda/sdk/python/current").makeLink(to: Array("../../..".utf8))
        #expect(SDKFolder(data: data.description, .python).current == nil)
    }

    @Test("npm's own directory is found below the one that it was given")
    func npm() throws {
        defer { try? data.remove() }
        try data.appending("node_modules").makeDirectory()
        let sdks = RuntimeSDKs(named: [.nodejs: data.description])
        #expect(sdks.directory(of: .nodejs) == "\(data)/node_modules")
    }

    @Test("a directory is copied and compiled; without pip or npm the reason says what to install")
    func steps() throws {
        defer { try? data.remove() }
        let finder = InterpreterFinder(searchPath: [])
        func plan(_ family: RuntimeSDKs.Family, _ origin: SDKInstall.Origin) throws -> [SDKInstall.Step] {
            try SDKInstall(family, origin, into: "/draft", finder: finder, searchPath: "relative:/no/such").steps
        }
        let copy = try plan(.nodejs, .directory(data.description))
        #expect(copy.map { $0.command.last } == ["/draft"] && copy[0].command.contains("\(data)/."))
        let noPip = #expect(throws: MartletError.self) { try plan(.python, .packages([])) }
        #expect(noPip?.message.contains("apt-get install python3-pip") == true)
        let noNpm = #expect(throws: MartletError.self) { try plan(.nodejs, .packages([])) }
        #expect(noNpm?.message.contains("apt-get install npm") == true)
        #expect(throws: MartletError.self) { try plan(.python, .directory("/no/such")) }
    }

    @Test("pip installs what is named, by the oldest Python that will do, and each Python compiles it")
    func pip() throws {
        defer { try? data.remove() }
        for (minor, status) in [(8, 0), (10, 1), (11, 0), (12, 0)] {
            let program = data.appending("python3.\(minor)")
            try program.createFile(mode: 0o755) { write in
                try Array("#!/bin/sh\nexit \(status)\n".utf8).withUnsafeBytes(write)
            }
        }
        let install = try SDKInstall(
            .python,
            .packages(["-r", "boto3==1.40"]),
            into: "/draft",
            finder: InterpreterFinder(searchPath: [data.description]),
            searchPath: ""
        )
        let first = try #require(install.steps.first)
        #expect(first.command[0].hasSuffix("/python3.11") && first.excuse == nil)
        // After the dashes nothing is an option.
        #expect(first.command.suffix(3) == ["--", "-r", "boto3==1.40"])
        let compilers = install.steps.dropFirst()
        #expect(
            compilers.compactMap { $0.command[0].split(separator: "/").last } == [
                "python3.10", "python3.11", "python3.12",
            ]
        )
        #expect(compilers.allSatisfy { $0.excuse != nil && $0.command.last == "/draft" })
    }
}
