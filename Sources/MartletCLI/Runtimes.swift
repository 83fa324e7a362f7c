// SPDX-License-Identifier: Apache-2.0
package import ArgumentParser
import Glibc
import Lambda
import Logging
import MartletCore
import OCI

/// Where a server keeps its data unless it is told otherwise.
package enum DefaultDirectory {
    package static var data: String {
        guard getuid() != 0, let home = getenv("HOME") else { return "/var/lib/martlet" }
        return String(cString: home) + "/.martlet"
    }
}

/// `martlet runtimes`: how each runtime identifier is served here, and images to serve them with.
package struct Runtimes: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        abstract: "List how each runtime is served on this host, pull an image to serve one with, install the AWS SDK.",
        discussion: """
            EXAMPLES
              martlet runtimes
              martlet runtimes pull REGISTRY/REPOSITORY:TAG --for python3.12
              martlet runtimes sdk python
            """,
        subcommands: [RuntimeList.self, RuntimePull.self, RuntimeSDK.self],
        defaultSubcommand: RuntimeList.self
    )

    package init() {}
}

/// What the verbs of `martlet runtimes` share.
struct RuntimeOptions: ParsableArguments {
    @Option(help: "The server's data directory. (default: ~/.martlet, as root /var/lib/martlet)")
    var dataDir: String?

    func store(policy: ImagePolicy = ImagePolicy(), credentials: RegistryCredentials = .init()) -> ImageStore {
        ImageStore(
            directory: "\(dataDir ?? DefaultDirectory.data)/images",
            policy: policy,
            credentials: credentials,
            ids: SystemIDSource(),
            logger: Logger(label: "martlet") { _ in SwiftLogNoOpLogHandler() }
        )
    }
}

/// `martlet runtimes list`
struct RuntimeList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List how each runtime identifier is served on this host."
    )

    @OptionGroup var options: RuntimeOptions

    func run() async throws {
        let images = RuntimeImages(options.store())
        let table = RuntimeTable(RuntimeLocator(finder: .ofThisHost(), allowsNearest: true, images: images))
        let width = table.rows.map(\.identifier.count).max() ?? 0
        for row in table.rows {
            let padding = String(repeating: " ", count: width - row.identifier.count)
            FileHandles.standardOutput(
                "\(row.isServed ? "✓" : "✗") \(row.identifier)\(padding)  \(row.explanation)\n"
            )
        }
    }
}

/// `martlet runtimes pull`
struct RuntimePull: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull",
        abstract: "Pull a container image, so that functions of a runtime run in it.",
        discussion: """
            IMAGE is REGISTRY/REPOSITORY[:TAG][@DIGEST], or oci:PATH[:TAG] for an image layout on this machine. With AWS's base
            images the image's own runtime client runs the functions; of any other image its interpreter is taken. A server
            that runs already uses the image from the next cold start on.

            EXAMPLES
              martlet runtimes pull REGISTRY/lambda/java:21 --for java21
              martlet runtimes pull oci:/srv/images/python:3.12 --for python3.12
            """
    )

    @Argument(help: "The image.")
    var image: String
    @Option(
        name: .customLong("for"),
        help: "The runtime identifier that the image is to serve. Without it the image is only fetched."
    )
    var runtime: String?
    @Option(help: "The image's architecture: x86_64 or arm64. (default: this machine's)")
    var architecture: String?
    @Option(help: "A file of registry logins, as docker login writes it.")
    var registryLogins: String?
    @Flag(help: "Speak to the registry without TLS. A registry on this machine is spoken to so anyway.")
    var plainHTTP = false
    @OptionGroup var options: RuntimeOptions

    func run() async throws {
        do {
            try await pull()
        } catch let fault as ImageFault {
            FileHandles.standardError("martlet: \(fault.message)\n")
            throw ExitCode(1)
        }
    }

    private func pull() async throws {
        if let runtime, !RuntimeTable.isKnown(runtime) {
            throw ValidationError("“\(runtime)” is not a runtime identifier that AWS takes for new functions.")
        }
        let reference = try ImageReference(image)
        // Whoever types this may read this machine's files: any layout will do.
        var policy = ImagePolicy(directories: ["/"])
        if plainHTTP, case .registry(let host, _) = reference.place {
            policy.registries = [ImagePolicy.Registry("http://\(host)")].compactMap { $0 }
        }
        let logins = try registryLogins.map(RegistryCredentials.init(file:)) ?? RegistryCredentials()
        let store = options.store(policy: policy, credentials: logins)
        try Self.makeDirectory(options.dataDir ?? DefaultDirectory.data)
        let found = try await store.resolve(reference, architecture: architecture ?? Self.hostArchitecture)
        _ = try await store.root(of: found)
        FileHandles.standardOutput("pulled \(found.reference)\n")
        guard let runtime else { return }
        try await RuntimeImages(store).assign(found, to: runtime)
        FileHandles.standardOutput("functions of \(runtime) run in it from their next cold start on\n")
    }

    private static func makeDirectory(_ path: String) throws {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw ImageFault(.unavailable, "cannot make \(path): \(String(cString: strerror(errno)))")
        }
    }

    private static var hostArchitecture: String {
        #if arch(arm64)
        "arm64"
        #else
        "x86_64"
        #endif
    }
}
