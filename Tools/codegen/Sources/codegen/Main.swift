// SPDX-License-Identifier: Apache-2.0
import Foundation

@main
struct Main {
    static let usage = "usage: codegen --root REPOSITORY --data BOTOCORE-DATA --version BOTOCORE-VERSION [--check]"

    static func main() {
        do {
            let arguments = Array(CommandLine.arguments.dropFirst())
            let run = Codegen(
                root: try value(of: "--root", in: arguments),
                data: try value(of: "--data", in: arguments),
                version: try value(of: "--version", in: arguments)
            )
            print(try arguments.contains("--check") ? run.check() : run.write())
        } catch {
            FileHandle.standardError.write(Data("codegen: \(error)\n".utf8))
            exit(1)
        }
    }

    private static func value(of option: String, in arguments: [String]) throws -> String {
        guard let index = arguments.firstIndex(of: option), index + 1 < arguments.count else { throw Failure(usage) }
        return arguments[index + 1]
    }
}
