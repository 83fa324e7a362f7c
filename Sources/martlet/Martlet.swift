// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Glibc
import Jailer
import MartletCLI
import SandboxMicroVM

@main enum Main {
    static func main() async {
        // The jailer is this executable under another name. It forks and goes on, so it must run before anything has
        // started a thread.
        if CommandLine.arguments.first == JailerCommand.name {
            exit(martlet_jailer_main(CommandLine.argc, CommandLine.unsafeArgv))
        }
        // Process 1 of a microVM.
        if CommandLine.arguments.first == JailerCommand.guestName {
            exit(martlet_guest_main(CommandLine.argc, CommandLine.unsafeArgv))
        }
        // What runs a microVM, in its jail, where it is mounted under that name.
        if CommandLine.arguments.first?.hasSuffix("/\(MachineProgram.name)") == true {
            MachineProgram.main(CommandLine.arguments.dropFirst()) { martlet_way_out($0) }
        }
        await Martlet.main()
    }
}

struct Martlet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martlet",
        abstract: "The serverless platform in one binary: AWS Lambda and what surrounds it, on your own machine.",
        discussion: """
            START
              martlet serve
              aws lambda list-functions --endpoint-url http://127.0.0.1:4566

            Any AWS SDK, the AWS CLI, SAM CLI and Terraform work against it: set AWS_ENDPOINT_URL=http://127.0.0.1:4566.
            """,
        subcommands: [
            Serve.self, Invoke.self, GenerateEvent.self, LogsCommand.self, EventsCommand.self, QueueCommand.self,
            Usage.self, Doctor.self, Runtimes.self,
            Version.self,
        ]
    )
}
