// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Lambda
import MartletCore

extension RuntimeSDKs.Family: ExpressibleByArgument {}

/// `martlet runtimes sdk`
struct RuntimeSDK: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sdk",
        abstract: "Install the AWS SDK that functions find without bringing it, as on AWS.",
        discussion: """
            The host's pip or npm installs it into the data directory, from the registry that it is set up for. Functions of the
            family find it from their next cold start on; a copy of their own, or of a layer, goes first. Run it again to update.
            Without PACKAGE: boto3, or the clients of the services that Martlet speaks for.

            EXAMPLES
              martlet runtimes sdk python
              martlet runtimes sdk python boto3==1.40.0 aws-lambda-powertools
              martlet runtimes sdk nodejs @aws-sdk/client-sqs @aws-sdk/client-s3
              martlet runtimes sdk python --from /srv/site-packages
            """
    )

    @Argument(help: "python or nodejs.")
    var family: RuntimeSDKs.Family
    @Argument(help: "What pip or npm is to install instead.")
    var packages: [String] = []
    @Option(help: "A directory that holds the packages, to be copied instead.")
    var from: String?
    @Flag(help: "Do nothing when there is one already.")
    var ifMissing = false
    @OptionGroup var options: RuntimeOptions

    func validate() throws {
        if from != nil, !packages.isEmpty { throw ValidationError("Name packages or a directory, not both.") }
    }

    func run() async throws {
        let origin = from.map { SDKInstall.Origin.directory($0) } ?? .packages(packages)
        let installation = SDKInstallation(family, origin, data: options.dataDir ?? DefaultDirectory.data)
        if ifMissing, installation.isThere { return }
        do {
            try installation.run()
        } catch let error as MartletError {
            FileHandles.standardError("martlet: \(error.message)\n")
            throw ExitCode(1)
        }
    }
}
