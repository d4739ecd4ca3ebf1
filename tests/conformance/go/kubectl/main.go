// kubectl as it is today, from its own packages: Debian 12 has 1.20.
package main

import (
	"os"

	_ "k8s.io/client-go/plugin/pkg/client/auth/exec"
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
)

func main() {
	command := cmd.NewDefaultKubectlCommand()
	if err := cli.RunNoErrOutput(command); err != nil {
		cmdutil.CheckErr(err)
	}
	os.Exit(0)
}
